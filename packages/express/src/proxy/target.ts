import type { TokenManager } from '@evergrant/core'
import { optionError } from '../check-options.js'
import { isPlainPath } from './plain-path.js'

/** The one place that requests go to, and how paths map between it and our mount path. */
export interface Target {
  readonly secure: boolean
  /** For the `Host` header. */
  readonly host: string
  /** Where to connect; nothing of a request gets in here. */
  readonly address: { readonly protocol: string; readonly hostname: string; readonly port: number }
  /**
   * Path and query at the target for what came after the mount path; `undefined`: that could mean something outside
   * of the target.
   */
  pathFor(mounted: MountedUrl): string | undefined
  /** A `Location` of the target as our own path; `undefined`: it leads outside. */
  locationFor(location: string, requestPath: string, mountPath: string): string | undefined
}

/** What Express gives: `url` is what came after the mount path, `originalUrl` all. */
export interface MountedUrl {
  readonly url: string
  readonly originalUrl: string
  readonly baseUrl: string
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

export function createTarget(target: unknown, tokens: TokenManager, allowHttp: boolean): Target {
  const url = typeof target === 'string' && URL.canParse(target) ? new URL(target) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) throw optionError('target', 'must be an absolute http(s) URL')
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw optionError('target', 'must have neither credentials, query nor fragment')
  }
  const secure = url.protocol === 'https:'
  if (!secure && !allowHttp && !LOOPBACK.test(url.hostname)) {
    throw optionError('target', 'must use https (http is for loopback only)')
  }
  if (!tokens.isApiUrl(url)) throw optionError('target', "must be at one of the provider's apiOrigins")
  const base = url.pathname.replace(/\/$/, '')
  if (base !== '' && !isPlainPath(base)) throw optionError('target', 'must have a plain path')

  return {
    secure,
    host: url.host,
    address: {
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    },
    pathFor({ url: rest, originalUrl, baseUrl }) {
      const [path, query] = cut(rest)
      if (!isPlainPath(path) || (query !== undefined && !/^[!"$-~]*$/.test(query))) return undefined
      // Express makes '/' of nothing; the target itself is asked for without it.
      const isTargetItself = path === '/' && cut(originalUrl)[0] === baseUrl && base !== ''
      return base + (isTargetItself ? '' : path) + (query === undefined ? '' : `?${query}`)
    },
    locationFor(location, requestPath, mountPath) {
      const here = url.origin + requestPath
      if (!URL.canParse(location, here)) return undefined
      const { origin, pathname, search, hash } = new URL(location, here)
      const isBelow = pathname === base || pathname.startsWith(`${base}/`)
      if (origin !== url.origin || !isBelow || !isPlainPath(pathname)) return undefined
      const path = mountPath + pathname.slice(base.length)
      return /^\/(?![/\\])/.test(path) ? path + search + hash : undefined
    },
  }
}

/** At the first question mark. */
function cut(url: string): readonly [path: string, query?: string] {
  const at = url.indexOf('?')
  return at < 0 ? [url] : [url.slice(0, at), url.slice(at + 1)]
}
