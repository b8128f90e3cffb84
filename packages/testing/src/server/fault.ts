import type { RequestTraits } from './request-traits.js'

/**
 * When a fault strikes: `before` the server looked at the request (nothing is consumed), `between` finding a refresh
 * token good and spending it (latency only), or `after` tokens were issued (consumed) or the API had answered 2xx.
 * Refusals and throttled requests do not use up an `after` fault.
 */
export type FaultWhen = 'before' | 'between' | 'after'

/** Which requests a fault strikes, and how often. Absent fields match anything. */
export interface FaultTarget {
  /** @defaultValue `'token'` */
  readonly path?: 'token' | 'api' | 'revoke'
  readonly grantType?: string
  readonly clientId?: string
  /** One grant: the `family` of an issued grant. */
  readonly family?: string
  /** Strikes the next n requests that match. @defaultValue 1, with `probability` unlimited */
  readonly times?: number
  /** Chance from 0 to 1 that it strikes a request that matches, from the server's seed. @defaultValue 1 */
  readonly probability?: number
  /** @defaultValue the kind's own, see {@link FaultEffect} */
  readonly when?: FaultWhen
}

/** Wait hints of a 429 or 503; without `retryAfterMs` there is no `Retry-After`. */
export interface RetryAfterFault {
  /** Milliseconds, rounded up to seconds on the wire. */
  readonly retryAfterMs?: number
  /** @defaultValue `'seconds'` */
  readonly retryAfterFormat?: 'seconds' | 'http-date'
}

/** Speed of a slow reply. */
export interface SlowBytesFault {
  /** Milliseconds before each piece. */
  readonly everyMs: number
  /** Bytes a piece. @defaultValue 1 */
  readonly chunkBytes?: number
}

/** What a fault does. `(before)` and `(after)` name the default of `when`. */
export type FaultEffect =
  /** Waits `ms` milliseconds, then goes on (before). */
  | { readonly kind: 'latency'; readonly ms: number }
  /** Cuts the connection (after), before any reply byte or in the middle of the body. */
  | { readonly kind: 'cut'; readonly at?: 'before-reply' | 'in-body' }
  /** A status with a short JSON body (before): 500, 502, 503, 504, 403, … */
  | ({ readonly kind: 'status'; readonly status: number } & RetryAfterFault)
  /** `429 {"message":"Too Many Attempts."}` (before). */
  | ({ readonly kind: 'throttled' } & RetryAfterFault)
  /** Any OAuth error (before). `status` defaults to 400, `format` to JSON. */
  | {
      readonly kind: 'error'
      readonly error: string
      readonly status?: number
      readonly description?: string
      readonly format?: 'json' | 'form'
    }
  /** `401 invalid_client` with `WWW-Authenticate` (before). */
  | { readonly kind: 'invalid-client' }
  /** `403 unauthorized_client` (before). */
  | { readonly kind: 'unauthorized-client' }
  /** `200 {"error":"bad_refresh_token",…}`, in JSON or form-encoded (before). */
  | { readonly kind: 'refused-with-200'; readonly format?: 'json' | 'form' }
  /** `401 {"message":"Unauthenticated."}` of an API that rejects a good token (before). */
  | { readonly kind: 'unauthenticated' }
  /** 200 with a body that is no JSON though it says so (after). */
  | { readonly kind: 'malformed-json' }
  /** 200 with the first half of the JSON, as a complete reply (after). */
  | { readonly kind: 'truncated-json' }
  /** A page with HTTP 200 (after). */
  | { readonly kind: 'html' }
  /** The `403` page of a firewall (before). */
  | { readonly kind: 'firewall' }
  /** A redirect, by default 302 to `/moved` of this server (before). */
  | { readonly kind: 'redirect'; readonly status?: 301 | 302 | 303 | 307 | 308; readonly location?: string }
  /** A large JSON body, by default 10 MB with the tokens at the start (after). */
  | { readonly kind: 'oversized'; readonly bytes?: number; readonly tokens?: 'start' | 'end' | 'nowhere' }
  /** A JSON body that never ends, by default with the tokens at the start (after). */
  | { readonly kind: 'endless'; readonly tokens?: 'start' | 'nowhere' }
  /** The reply byte by byte (after). */
  | ({ readonly kind: 'slow-bytes' } & SlowBytesFault)
  /** No reply, the connection stands (after). */
  | { readonly kind: 'hang' }
  /** A reply without `access_token` (after). */
  | { readonly kind: 'missing-access-token' }
  /** A reply with fields set or, where the value is `null`, left out (after). */
  | { readonly kind: 'reply-fields'; readonly fields: Readonly<Record<string, unknown>> }

/** A fault to add: what, to which requests, how often. Plain JSON. */
export type Fault = FaultTarget & FaultEffect

const whens: Readonly<Record<FaultEffect['kind'], readonly [FaultWhen, ...FaultWhen[]]>> = {
  latency: ['before', 'between', 'after'],
  cut: ['after', 'before'],
  status: ['before', 'after'],
  throttled: ['before', 'after'],
  error: ['before', 'after'],
  'invalid-client': ['before', 'after'],
  'unauthorized-client': ['before', 'after'],
  'refused-with-200': ['before', 'after'],
  unauthenticated: ['before', 'after'],
  'malformed-json': ['after', 'before'],
  'truncated-json': ['after'],
  html: ['after', 'before'],
  firewall: ['before', 'after'],
  redirect: ['before', 'after'],
  oversized: ['after', 'before'],
  endless: ['after', 'before'],
  'slow-bytes': ['after'],
  hang: ['after', 'before'],
  'missing-access-token': ['after'],
  'reply-fields': ['after'],
}

/** When this fault strikes: as asked, or as its kind does. Throws a `TypeError` for what cannot be. */
export function faultWhen(fault: Fault): FaultWhen {
  const allowed = whens[fault.kind]
  if (!allowed) throw new TypeError(`faults.add: there is no fault '${String(fault.kind)}'`)
  if (fault.kind === 'slow-bytes' && !((fault.chunkBytes ?? 1) >= 1)) {
    throw new TypeError("faults.add: 'slow-bytes' needs chunkBytes of 1 or more")
  }
  const when = fault.when ?? allowed[0]
  if (!allowed.includes(when)) throw new TypeError(`faults.add: '${fault.kind}' cannot strike '${when}'`)
  if (fault.kind === 'cut' && fault.at === 'in-body' && when === 'before') {
    throw new TypeError("faults.add: 'cut' in the body strikes 'after', there is no reply before")
  }
  return when
}

/** Whether the target names this request. */
export function faultMatches({ path = 'token', ...target }: FaultTarget, traits: RequestTraits): boolean {
  return (
    path === traits.path &&
    (target.grantType === undefined || target.grantType === traits.grantType) &&
    (target.clientId === undefined || target.clientId === traits.clientId) &&
    (target.family === undefined || target.family === traits.family)
  )
}
