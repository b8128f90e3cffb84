import { optionError } from '../check-options.js'

/** Flows that a browser may have under way at once; older ones are cleared away. */
const MAX_FLOWS = 4

/** What a cookie holds once its flow has ended: tells a replay from a forgery. */
const ENDED = 'ended'

export interface FoundFlow {
  /** Names the flow, without being its `state`. */
  readonly id: string
  readonly ended: boolean
  /** `undefined`: this browser has no such flow. */
  readonly sealed: string | undefined
  /** The `Set-Cookie` value that makes the end final. */
  readonly end: string
}

/** The cookies of flows: one each, named after its `state`. */
export interface FlowCookies {
  /** The `Set-Cookie` value that keeps a flow. */
  keep(state: string, sealed: string): Promise<string>
  find(header: string | undefined, state: string): Promise<FoundFlow>
  /** `Set-Cookie` values for the oldest flows, where there are too many. */
  clearLeftOver(header: string | undefined): readonly string[]
}

/**
 * Without a Domain and over https with the `__Host-` prefix: no other site, and no other subdomain, can plant one.
 * They outlive their flows by as much again, so that a late user hears "expired" and not "forged".
 *
 * @see RFC 6265bis sections 4.1.2 and 4.1.3
 */
export function flowCookies(baseName: string, redirectUri: string, lifetimeMs: number): FlowCookies {
  if (typeof baseName !== 'string' || !/^[\w.-]{1,64}$/.test(baseName)) {
    throw optionError('cookieName', 'must be 1 to 64 letters, digits, dots, underscores or hyphens')
  }
  const secure = redirectUri.startsWith('https:')
  const prefix = `${secure ? '__Host-' : ''}${baseName}.`
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  const keptSeconds = Math.ceil((2 * lifetimeMs) / 1_000)
  const set = (name: string, value: string, seconds: number): string =>
    `${name}=${value}; Max-Age=${seconds}; ${attributes}`

  return {
    keep: async (state, sealed) => set(prefix + (await idOf(state)), sealed, keptSeconds),
    async find(header, state) {
      const id = await idOf(state)
      const value = cookiesIn(header, prefix).find(([name]) => name === prefix + id)?.[1]
      const ended = value === ENDED
      return { id, ended, sealed: ended ? undefined : value, end: set(prefix + id, ENDED, keptSeconds) }
    },
    clearLeftOver(header) {
      const all = cookiesIn(header, prefix)
      // Marks of ended ones before flows under way; browsers send the oldest first (RFC 6265 section 5.4).
      const isMark = ([, value]: readonly [string, string]): boolean => value === ENDED
      const names = [...all.filter(isMark), ...all.filter((one) => !isMark(one))].map(([name]) => name)
      return names.slice(0, Math.max(0, names.length - MAX_FLOWS + 1)).map((name) => set(name, '', 0))
    },
  }
}

async function idOf(state: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(state)))
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Ours only: what else is in the header is none of our business. */
function cookiesIn(header: string | undefined, prefix: string): readonly (readonly [string, string])[] {
  return (header ?? '').split(';').flatMap((pair) => {
    const [name = '', ...value] = pair.trim().split('=')
    return name.startsWith(prefix) && /^[0-9a-f]{16}$/.test(name.slice(prefix.length))
      ? [[name, value.join('=')] as const]
      : []
  })
}
