/** A limit of requests per caller address. */
export interface ThrottleBehaviour {
  /** Requests that pass in one window; the next one is answered 429. */
  readonly limit: number
  /** Length of a window in milliseconds. */
  readonly windowMs: number
  /** A window begins with the first request after the last one ended (Laravel), or at multiples of `windowMs`. */
  readonly windowStart: 'first-request' | 'clock'
}

/** How `expires_in` is written: seconds as a number, left out, as a string, negated, or 99 999 999 999. */
export type ExpiresInStyle = 'seconds' | 'missing' | 'string' | 'negative' | 'huge'

/**
 * How a refused refresh token is answered.
 *
 * - `passport-8`: `401 invalid_request` with `hint` and `message`
 * - `passport-9`: `400 invalid_grant` with `hint` and `message`
 * - `oauth`: `400 invalid_grant` (RFC 6749)
 * - `ok-bad-refresh-token`: `200 bad_refresh_token` (GitHub)
 * - `unauthorized-client`: `403 unauthorized_client` (seen at Atlassian)
 */
export type RefusalShape =
  | 'passport-8'
  | 'passport-9'
  | 'oauth'
  | 'ok-bad-refresh-token'
  | 'unauthorized-client'

/** `by-accept`: JSON when the request's `Accept` names `application/json`, else form-encoded. */
export type ReplyFormat = 'json' | 'form' | 'by-accept'

/** Everything in which authorization servers differ, as plain data: presets are made of it, options change it. */
export interface ServerBehaviour {
  /** Milliseconds an access token lives. */
  readonly accessTokenLifetimeMs: number
  /** Milliseconds a refresh token lives from its issue; `null`: it expires together with its access token. */
  readonly refreshTokenLifetimeMs: number | null
  /** `0`: a refresh token is replaced at each use. `n`: only once it is n ms old. `null`: never. */
  readonly rotateAfterMs: number | null
  /** Whether a reply leaves out `refresh_token` when it is not replaced. */
  readonly omitUnchangedRefreshToken: boolean
  /** What a second use of a spent refresh token does beyond being refused. */
  readonly reuse: 'refused' | 'revokes-family'
  /** Milliseconds after its first use in which a spent refresh token is still accepted. */
  readonly graceMs: number
  /** What such a use brings: the pair of the first use, one more pair, or one more pair that kills the one before. */
  readonly graceReply: 'same-pair' | 'new-pair' | 'latest-pair-wins'
  /** Whether the grace of a token also ends when its successor is used. */
  readonly graceEndsAtSuccessorUse: boolean
  /** What a rotation does to the access token that was issued with the spent refresh token. */
  readonly oldAccessToken: 'lives-on' | 'dies'
  /** What the revocation of a family does to its access tokens. */
  readonly accessTokensOfRevokedFamily: 'live-on' | 'die'
  /** Value of `token_type` in replies; `null`: left out. */
  readonly tokenType: string | null
  readonly expiresIn: ExpiresInStyle
  readonly refusal: RefusalShape
  /** Encoding of replies with tokens. */
  readonly replyFormat: ReplyFormat
  /** Encoding of refusals. */
  readonly refusalFormat: ReplyFormat
  /** Request bodies that the token endpoint reads. */
  readonly requestFormats: readonly ('json' | 'form')[]
  /** How a client with a secret may prove itself. */
  readonly clientAuthentication: readonly ('client_secret_post' | 'client_secret_basic')[]
  /** Milliseconds an authorization code lives. */
  readonly codeLifetimeMs: number
  /** What the user answers at the authorization endpoint; `ask`: a page asks, for tests with a browser. */
  readonly consent: 'approve' | 'deny' | 'ask'
  /** Limit of the token endpoint; `null`: none. */
  readonly throttle: ThrottleBehaviour | null
  /** Limit of the API; `null`: none. */
  readonly apiThrottle: ThrottleBehaviour | null
  /** Whether there is an RFC 7009 endpoint; without it the path answers 404. */
  readonly revocation: boolean
  /** Status of an API answer to a good token. */
  readonly apiStatus: 200 | 204
}
