import type { AdapterConfig } from './axios-like.js'
import { type BareAxios, originOf } from './bare-axios.js'

/** Where a URL leads. */
export interface Place {
  readonly protocol: string
  readonly host: string
  readonly path: string
}

/** The URL of a request, without its `params`, taken apart once: a `URL` reads itself anew at each look. */
export interface Target {
  readonly href: string
  readonly origin: string
  readonly place: Place
  /** The provider's, and without credentials of its own. */
  readonly isOfApi: boolean
  /** Whoever puts `url` and `baseURL` together as URLs are, and not as axios does, comes to the same origin. */
  readonly isUnambiguous: boolean
}

/** Then all are forgotten: applications that put ids into URLs have no end of them. */
const MOST_TARGETS = 500

/** Most applications ask for the same few URLs; `undefined`: axios cannot make one. */
export function rememberTargets(
  bare: BareAxios,
  isApiUrl: (url: URL) => boolean,
): (config: AdapterConfig) => Target | undefined {
  interface Remembered extends Pick<AdapterConfig, 'baseURL' | 'allowAbsoluteUrls'> {
    readonly target: Target | undefined
  }
  const remembered = new Map<string | undefined, Remembered>()

  function find(config: AdapterConfig): Target | undefined {
    const url = bare.absoluteUrl(config)
    if (!url) return undefined
    const { href, origin, username, password } = url
    const isOfApi = username === '' && password === '' && isApiUrl(url)
    const otherwise = originOf(config.url ?? '', config.baseURL)
    // 'null': of a scheme that nobody sends to, as `places:` in 'places:search'.
    const isUnambiguous = otherwise === origin || otherwise === 'null'
    return { href, origin, place: placeOf(url), isOfApi, isUnambiguous }
  }

  return (config) => {
    const { url, baseURL, allowAbsoluteUrls } = config
    const known = remembered.get(url)
    if (known && known.baseURL === baseURL && known.allowAbsoluteUrls === allowAbsoluteUrls)
      return known.target
    const target = find(config)
    // A URL given as an object may have another address the next time.
    if (typeof url === 'object' || typeof baseURL === 'object') return target
    if (remembered.size >= MOST_TARGETS) remembered.clear()
    remembered.set(url, { baseURL, allowAbsoluteUrls, target })
    return target
  }
}

export function placeOf({ protocol, host, pathname, search }: URL): Place {
  return { protocol, host, path: pathname + search }
}
