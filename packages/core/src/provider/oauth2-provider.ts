import { type ClientAuth, ClientSecretBasic, ClientSecretPost, None } from 'oauth4webapi'
import { checkEndpoint, checkId, checkNumber, optionError } from '../check-options.js'
import type { BudgetFacts, ProviderFacts, RefusalShape } from './provider.js'

/** Facts of a provider, as its documentation states them. */
export interface OAuth2ProviderOptions {
  /** Names the provider in the store. Choose it once: it is part of every grant's key. */
  readonly id: string
  readonly clientId: string
  readonly clientSecret?: string
  /**
   * `client_secret_post`, `client_secret_basic`, `none`, or any client authentication of `oauth4webapi`
   * (such as `PrivateKeyJwt(key)`). @defaultValue `client_secret_basic` with a secret (RFC 6749 section 2.3.1),
   * else `none`
   */
  readonly clientAuthentication?: 'client_secret_post' | 'client_secret_basic' | 'none' | ClientAuth
  readonly tokenEndpoint: string
  readonly authorizationEndpoint?: string
  /** RFC 7009. @defaultValue none: `revoke()` only removes the grant here */
  readonly revocationEndpoint?: string
  /** @defaultValue the token endpoint's origin */
  readonly issuer?: string
  readonly scope?: string
  /** How token requests are written. @defaultValue `form`, as RFC 6749 has it */
  readonly requestFormat?: 'form' | 'json'
  /**
   * What a second use of a spent refresh token does. @defaultValue `revokes-grant`: RFC 9700 section 4.14.2
   * recommends it, and taking it for granted is the cautious choice
   */
  readonly reuse?: 'refused' | 'revokes-grant'
  /** The provider's grace or reuse interval, milliseconds. @defaultValue 0: none */
  readonly reuseIntervalMs?: number
  /** What a rotation does to the access token before it. @defaultValue `lives-on` */
  readonly oldAccessToken?: 'lives-on' | 'dies'
  /** Statuses by which the provider says for certain that nothing was spent. @defaultValue none */
  readonly unspentStatuses?: readonly number[]
  /** Replies, besides `invalid_grant`, that mean the grant is dead. @defaultValue none */
  readonly refusals?: readonly RefusalShape[]
  /** The refresh token's own life, milliseconds, where the provider declares it. */
  readonly refreshTokenLifetimeMs?: number
  /** Assumed when a reply has no usable `expires_in`, milliseconds. */
  readonly accessTokenLifetimeMs?: number
  /** The token endpoint's rate limit. @defaultValue none is known */
  readonly budget?: BudgetFacts
  /** @defaultValue the token endpoint's URL: all clients of one endpoint share its limit */
  readonly budgetKey?: string
  /** Origins of the API, e.g. `https://api.example.com`. @defaultValue any that is reached over TLS */
  readonly apiOrigins?: readonly string[]
  /** Accepts endpoints and API origins without TLS outside loopback: every secret travels in the open. */
  readonly dangerouslyAllowHttp?: boolean
}

/** A typo here would silently mean the less careful choice. */
const CHOICES = {
  requestFormat: ['form', 'json'],
  reuse: ['refused', 'revokes-grant'],
  oldAccessToken: ['lives-on', 'dies'],
} as const

function clientAuthentication(options: OAuth2ProviderOptions): ClientAuth {
  const { clientAuthentication: chosen, clientSecret } = options
  if (typeof chosen === 'function') return chosen
  const method = chosen ?? (clientSecret === undefined ? 'none' : 'client_secret_basic')
  if (method === 'none') return None()
  if (method !== 'client_secret_post' && method !== 'client_secret_basic') {
    throw optionError('clientAuthentication', 'is not a method this package knows')
  }
  if (typeof clientSecret !== 'string' || clientSecret === '') {
    throw optionError('clientSecret', `must be a non-empty string for ${method}`)
  }
  return method === 'client_secret_post' ? ClientSecretPost(clientSecret) : ClientSecretBasic(clientSecret)
}

/**
 * Facts of any OAuth 2.0 authorization server. What you do not state is taken in the cautious sense.
 *
 * @throws TypeError naming the option that is wrong
 * @see RFC 6749, RFC 9700 section 4.14
 */
export function oauth2Provider(options: OAuth2ProviderOptions): ProviderFacts {
  checkId('id', options.id)
  if (typeof options.clientId !== 'string' || options.clientId === '') {
    throw optionError('clientId', 'must be a non-empty string')
  }
  const insecure = options.dangerouslyAllowHttp === true
  const tokenEndpoint = checkEndpoint('tokenEndpoint', options.tokenEndpoint, insecure)
  const optional = (name: 'authorizationEndpoint' | 'revocationEndpoint'): string | undefined => {
    const url = options[name]
    return url === undefined ? undefined : checkEndpoint(name, url, insecure)
  }
  if (options.reuseIntervalMs !== undefined)
    checkNumber('reuseIntervalMs', options.reuseIntervalMs, { min: 0 })
  for (const name of ['refreshTokenLifetimeMs', 'accessTokenLifetimeMs'] as const) {
    if (options[name] !== undefined) checkNumber(name, options[name], { min: 1_000 })
  }
  for (const [name, allowed] of Object.entries(CHOICES) as [keyof typeof CHOICES, readonly string[]][]) {
    const value = options[name]
    if (value !== undefined && !allowed.includes(value))
      throw optionError(name, `must be one of ${allowed.join(', ')}`)
  }
  for (const { error, containing } of options.refusals ?? []) {
    if (typeof error !== 'string' || error === '')
      throw optionError('refusals', 'need the error code they match')
    if (containing && (typeof containing.member !== 'string' || !containing.anyOf?.length)) {
      throw optionError('refusals', "with 'containing' need a member and at least one text")
    }
  }
  const { budget } = options
  if (budget) {
    checkNumber('budget.limit', budget.limit, { min: 1, integer: true })
    checkNumber('budget.windowMs', budget.windowMs, { min: 1 })
  }
  return Object.freeze({
    id: options.id,
    clientId: options.clientId,
    clientAuthentication: clientAuthentication(options),
    tokenEndpoint,
    authorizationEndpoint: optional('authorizationEndpoint'),
    revocationEndpoint: optional('revocationEndpoint'),
    issuer: options.issuer ?? new URL(tokenEndpoint).origin,
    scope: options.scope,
    requestFormat: options.requestFormat ?? 'form',
    reuse: options.reuse ?? 'revokes-grant',
    reuseIntervalMs: options.reuseIntervalMs ?? 0,
    oldAccessToken: options.oldAccessToken ?? 'lives-on',
    unspentStatuses: Object.freeze([...(options.unspentStatuses ?? [])]),
    refusals: Object.freeze([...(options.refusals ?? [])]),
    refreshTokenLifetimeMs: options.refreshTokenLifetimeMs,
    accessTokenLifetimeMs: options.accessTokenLifetimeMs,
    budget: budget && Object.freeze({ limit: budget.limit, windowMs: budget.windowMs }),
    budgetKey: options.budgetKey ?? tokenEndpoint,
    apiOrigins: Object.freeze(
      (options.apiOrigins ?? []).map((url) => new URL(checkEndpoint('apiOrigins', url, insecure)).origin),
    ),
    dangerouslyAllowHttp: insecure,
  })
}
