import { stableFraction } from '../chance.js'
import { EvergrantError } from '../errors.js'
import { encodeTokens, type GrantTokens } from '../grant/grant-tokens.js'
import type { ProviderFacts } from '../provider/provider.js'
import { Secret } from '../secret.js'
import type { GrantKey, TokenPair } from '../store/token-store.js'
import { isToken } from './parse-reply.js'

/** Longer than any deployment: what a huge `expires_in` is cut to, so that instants stay exact integers. */
const MAX_LIFETIME_MS = 100 * 365.25 * 24 * 3600 * 1000

/** Renewal falls between these shares of the lifetime, at a point that is each grant's own. */
export const RENEW_FROM = 0.62
const RENEW_SPREAD = 0.09

/**
 * `expires_in` in milliseconds; the only place where OAuth's seconds are converted. Missing, negative, unreadable
 * values and those below a second say nothing: `undefined`. Some servers send the number as text.
 *
 * @see RFC 6749 section 5.1
 */
export function lifetimeMs(expiresIn: unknown): number | undefined {
  const seconds = typeof expiresIn === 'string' && expiresIn.trim() !== '' ? Number(expiresIn) : expiresIn
  if (typeof seconds !== 'number' || Number.isNaN(seconds) || seconds < 1) return undefined
  return Math.min(seconds * 1000, MAX_LIFETIME_MS)
}

export interface SuccessorContext {
  readonly key: GrantKey
  readonly facts: Pick<ProviderFacts, 'accessTokenLifetimeMs' | 'refreshTokenLifetimeMs'>
  /** What the grant had; a reply may leave out what has not changed. */
  readonly previous: GrantTokens | undefined
  readonly grantType: GrantTokens['grantType']
  /** Store clock, from before the request was sent: the lifetime runs from somewhere after that. */
  readonly sentAtMs: number
}

/**
 * What to store of a reply. A missing refresh token keeps the one before (RFC 6749 section 6); a missing access
 * token makes a pair that must be rotated before use.
 */
export function successorPair(
  members: Readonly<Record<string, unknown>>,
  { key, facts, previous, grantType, sentAtMs }: SuccessorContext,
): TokenPair {
  const accessToken = isToken(members.access_token) ? new Secret(members.access_token) : undefined
  const refreshToken = isToken(members.refresh_token)
    ? new Secret(members.refresh_token)
    : previous?.refreshToken
  const scope = isToken(members.scope) ? members.scope : previous?.scope
  const lifetime = lifetimeMs(members.expires_in) ?? facts.accessTokenLifetimeMs
  const secret = encodeTokens({ grantType, accessToken, refreshToken, scope, lifetimeMs: lifetime })
  if (accessToken === undefined) return { secret, expiresAtMs: sentAtMs, renewAtMs: sentAtMs }

  const share = RENEW_FROM + RENEW_SPREAD * stableFraction(`${key.provider}\n${key.grantId}`)
  const renewable = refreshToken !== undefined || grantType === 'client_credentials'
  const lives = [lifetime, facts.refreshTokenLifetimeMs].filter((life) => life !== undefined)
  const renews = renewable && lives.length > 0
  return {
    secret,
    expiresAtMs: lifetime === undefined ? null : Math.floor(sentAtMs + lifetime),
    renewAtMs: renews ? Math.floor(sentAtMs + Math.min(...lives) * share) : null,
  }
}

/**
 * A new authorization whose token cannot be used as a bearer token is refused before it is stored.
 *
 * @throws EvergrantError `INVALID_REPLY`
 * @see RFC 6749 section 7.1 and appendix A.12, RFC 6750
 */
export function checkBearer({
  token_type: type,
  access_token: token,
}: Readonly<Record<string, unknown>>): void {
  const isBearer = type === undefined || (typeof type === 'string' && type.toLowerCase() === 'bearer')
  if (!isBearer) {
    const message = 'Only bearer tokens are supported; the reply has another token_type'
    throw new EvergrantError('INVALID_REPLY', message, { reason: 'unsupported_token_type' })
  }
  if (typeof token === 'string' && !/^[\x20-\x7e]*$/.test(token)) {
    const message = 'The access token has characters that no HTTP header can carry'
    throw new EvergrantError('INVALID_REPLY', message, { reason: 'unusable_access_token' })
  }
}
