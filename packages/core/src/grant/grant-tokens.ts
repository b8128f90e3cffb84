import { AccessToken } from '../access-token.js'
import { EvergrantError } from '../errors.js'
import { Secret } from '../secret.js'
import type { GrantRecord, TokenPair } from '../store/token-store.js'

/** The tokens of one link, unprintable. */
export interface GrantTokens {
  readonly grantType: 'refresh_token' | 'client_credentials'
  readonly accessToken: Secret | undefined
  readonly refreshToken: Secret | undefined
  readonly scope: string | undefined
  /** The access token's whole life, as its reply said; what is left of it is another matter. */
  readonly lifetimeMs: number | undefined
}

/** The form in which tokens lie in `record.secret`: OAuth's own names. The only place that writes it. */
export function encodeTokens(tokens: GrantTokens): string {
  return JSON.stringify({
    access_token: tokens.accessToken?.reveal(),
    refresh_token: tokens.refreshToken?.reveal(),
    scope: tokens.scope,
    lifetime_ms: tokens.lifetimeMs,
    grant_type: tokens.grantType === 'client_credentials' ? tokens.grantType : undefined,
  })
}

/** @throws EvergrantError `STORE_UNUSABLE` when the text is not ours: sealed, damaged or of a newer version */
export function decodeTokens(record: Pick<GrantRecord, 'secret' | 'grantId'>): GrantTokens {
  const parsed = parseObject(record.secret)
  if (parsed === undefined) {
    throw new EvergrantError('STORE_UNUSABLE', 'The stored secret of this grant cannot be read', {
      grantId: record.grantId,
      reason: 'unreadable_secret',
    })
  }
  const text = (name: string): string | undefined =>
    typeof parsed[name] === 'string' ? parsed[name] : undefined
  const secret = (name: string): Secret | undefined => {
    const value = text(name)
    return value === undefined ? undefined : new Secret(value)
  }
  return {
    grantType: text('grant_type') === 'client_credentials' ? 'client_credentials' : 'refresh_token',
    accessToken: secret('access_token'),
    refreshToken: secret('refresh_token'),
    scope: text('scope'),
    lifetimeMs: typeof parsed.lifetime_ms === 'number' ? parsed.lifetime_ms : undefined,
  }
}

/** The refresh token in a stored secret; `undefined` also for a secret that is not ours to read. */
export function refreshTokenIn({ secret }: Pick<GrantRecord, 'secret'>): string | undefined {
  const token = parseObject(secret)?.refresh_token
  return typeof token === 'string' ? token : undefined
}

/**
 * Whether a newer link still holds the token that was spent for `next`: a server may leave an unchanged token out of
 * one reply, and replace it in the next. Then `next` is the successor of that link too.
 */
export function holdsSpent(
  newer: Pick<GrantRecord, 'secret'>,
  spent: string | undefined,
  next: TokenPair,
): boolean {
  return spent !== undefined && refreshTokenIn(newer) === spent && refreshTokenIn(next) !== spent
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** A link as this process works with it: the record, its tokens parsed once. */
export interface KnownGrant {
  readonly record: Omit<GrantRecord, 'secret'>
  readonly tokens: GrantTokens
  /** What callers get; `undefined` where the link has none. */
  readonly accessToken: AccessToken | undefined
}

export function knowGrant(full: GrantRecord): KnownGrant {
  const { secret: _, ...record } = full
  const tokens = decodeTokens(full)
  const { provider, grantId, chain, generation, expiresAtMs } = record
  const facts = { provider, grantId, chain, generation, expiresAtMs, scope: tokens.scope }
  const accessToken = tokens.accessToken && new AccessToken(tokens.accessToken.reveal(), facts)
  return { record, tokens, accessToken }
}
