import { calculatePKCECodeChallenge, generateRandomCodeVerifier, generateRandomState } from 'oauth4webapi'
import { optionError } from '../check-options.js'
import type { ProviderFacts } from '../provider/provider.js'
import type { AuthorizationRequest, AuthorizationUrlOptions } from './token-manager.js'

/** @see RFC 6749 section 4.1.1, RFC 7636 section 4.3 */
export async function authorizationRequest(
  facts: ProviderFacts,
  options: AuthorizationUrlOptions,
): Promise<AuthorizationRequest> {
  if (facts.authorizationEndpoint === undefined) {
    throw optionError('provider.authorizationEndpoint', 'is needed to send users to the provider')
  }
  const codeVerifier = generateRandomCodeVerifier()
  const state = generateRandomState()
  const url = new URL(facts.authorizationEndpoint)
  const scope = options.scope ?? facts.scope
  for (const [name, value] of Object.entries(options.parameters ?? {})) url.searchParams.set(name, value)
  url.searchParams.set('client_id', facts.clientId)
  url.searchParams.set('redirect_uri', options.redirectUri)
  url.searchParams.set('response_type', 'code')
  if (scope !== undefined) url.searchParams.set('scope', scope)
  url.searchParams.set('state', state)
  url.searchParams.set('code_challenge', await calculatePKCECodeChallenge(codeVerifier))
  url.searchParams.set('code_challenge_method', 'S256')
  return unprintable({ url: url.href, state, codeVerifier })
}

/** JSON gives all of it, for that is how a session keeps it; whoever only looks at it sees nothing. */
function unprintable(request: AuthorizationRequest): AuthorizationRequest {
  return Object.defineProperty(request, Symbol.for('nodejs.util.inspect.custom'), {
    value: () => '[AuthorizationRequest]',
  })
}
