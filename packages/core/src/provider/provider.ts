import type { ClientAuth } from 'oauth4webapi'

/**
 * A reply that means *this grant's refresh token is refused for good*. All parts that are given must match.
 * `invalid_grant` (RFC 6749 section 5.2) always does and need not be listed.
 */
export interface RefusalShape {
  /** The OAuth `error` code. */
  readonly error: string
  readonly status?: number
  /** One of these is contained in the text of the named member of the reply. */
  readonly containing?: { readonly member: string; readonly anyOf: readonly string[] }
}

/** Requests that the token endpoint accepts, as its provider states them. */
export interface BudgetFacts {
  /** Requests in any window. */
  readonly limit: number
  readonly windowMs: number
}

/** What Evergrant has to know of an authorization server, as plain data. Make one with a provider factory. */
export interface ProviderFacts {
  /** Names the provider in the store: managers that share grants share it. 1–255 bytes. */
  readonly id: string
  readonly clientId: string
  /** How the client authenticates: any of `oauth4webapi`. */
  readonly clientAuthentication: ClientAuth
  readonly tokenEndpoint: string
  readonly authorizationEndpoint: string | undefined
  /** RFC 7009; `undefined`: there is none. */
  readonly revocationEndpoint: string | undefined
  /** What the provider calls itself in `iss` (RFC 9207). */
  readonly issuer: string
  /** Asked for by default, space separated. */
  readonly scope: string | undefined
  readonly requestFormat: 'form' | 'json'
  /** What a second use of a spent refresh token does: it is only refused, or it kills the whole grant. */
  readonly reuse: 'refused' | 'revokes-grant'
  /** How long after its first use a spent token may be sent again unpunished; 0: never. */
  readonly reuseIntervalMs: number
  /** What a rotation does to the access token before it. */
  readonly oldAccessToken: 'lives-on' | 'dies'
  /** HTTP statuses by which this provider says for certain that nothing was spent (429 always does). */
  readonly unspentStatuses: readonly number[]
  readonly refusals: readonly RefusalShape[]
  /** The refresh token's own life, where it is declared. */
  readonly refreshTokenLifetimeMs: number | undefined
  /** Assumed when a reply has no usable `expires_in`; `undefined`: used until it is rejected. */
  readonly accessTokenLifetimeMs: number | undefined
  readonly budget: BudgetFacts | undefined
  /** Managers with the same key share one budget. */
  readonly budgetKey: string
  /**
   * Origins of the API: adapters send tokens nowhere else. Empty: wherever the application sends requests over TLS, or
   * on this machine.
   */
  readonly apiOrigins: readonly string[]
  /** Tokens and secrets may travel in the open. @defaultValue false */
  readonly dangerouslyAllowHttp?: boolean
}
