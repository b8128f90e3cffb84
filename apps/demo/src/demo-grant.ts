import { type PassolutionOptions, type ProviderFacts, passolution } from '@evergrant/core'

/** The one grant that all workers share. */
export const grantId = 'agency'

/** How long a token lives here, instead of a year: long enough to read along, short enough not to wait. */
export const tokenLifetimeMs = 24_000

/**
 * Least time between two rotations that nobody needs for expiry. The default would be a quarter of the token's
 * life (it keeps an API that answers 401 to everyone from burning tokens); the incidents of the show come faster.
 */
export const minRotationIntervalMs = 1_500

/**
 * Passolution, but merciless: a second use of a refresh token kills the whole grant, as Auth0 or Okta do it, so
 * that a mistake would be seen at once and not be forgiven.
 */
export function demoProvider(options: PassolutionOptions): ProviderFacts {
  return { ...passolution(options), reuse: 'revokes-grant' }
}
