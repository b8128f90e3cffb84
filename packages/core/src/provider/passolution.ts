import { oauth2Provider } from './oauth2-provider.js'
import type { ProviderFacts } from './provider.js'

/** What {@link passolution} takes. */
export interface PassolutionOptions {
  readonly clientId: string
  readonly clientSecret: string
  /** @defaultValue `passolution` */
  readonly id?: string
  /** Where the authorization server is, for tests. @defaultValue `https://web.passolution.eu` */
  readonly authorizationServer?: string
  /** Where the API is, for tests. @defaultValue `https://api.passolution.eu` */
  readonly api?: string
}

/**
 * Passolution's travel data. Its documentation states: JSON token requests, single-use refresh tokens, 300
 * token requests a minute, a lifetime of one year, a reply without `token_type`.
 *
 * Inferred from the product it is built on (Laravel Passport, league/oauth2-server), and the reason for the
 * rest: a spent refresh token is refused without harm to its successor, a rotation kills the old access token,
 * and a refusal may come as `401 invalid_request` (league/oauth2-server up to version 8).
 *
 * @throws TypeError naming the option that is wrong
 */
export function passolution(options: PassolutionOptions): ProviderFacts {
  const server = options.authorizationServer ?? 'https://web.passolution.eu'
  return oauth2Provider({
    id: options.id ?? 'passolution',
    clientId: options.clientId,
    clientSecret: options.clientSecret,
    clientAuthentication: 'client_secret_post',
    authorizationEndpoint: new URL('/oauth/authorize', server).href,
    tokenEndpoint: new URL('/oauth/token', server).href,
    scope: '*',
    requestFormat: 'json',
    reuse: 'refused',
    oldAccessToken: 'dies',
    refusals: [
      {
        error: 'invalid_request',
        status: 401,
        containing: { member: 'error_description', anyOf: ['The refresh token is invalid'] },
      },
      {
        error: 'invalid_request',
        status: 401,
        containing: {
          member: 'hint',
          anyOf: [
            'Cannot decrypt the refresh token',
            'Token is not linked to client',
            'Token has expired',
            'Token has been revoked',
          ],
        },
      },
    ],
    budget: { limit: 300, windowMs: 60_000 },
    apiOrigins: [options.api ?? 'https://api.passolution.eu'],
  })
}
