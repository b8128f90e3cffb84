import { AuthorizationResponseError, validateAuthResponse } from 'oauth4webapi'
import { optionError } from '../check-options.js'
import { EvergrantError } from '../errors.js'
import type { ProviderFacts } from '../provider/provider.js'
import { sameText } from '../same-text.js'
import type { ExchangeCodeOptions } from './token-manager.js'

/** Checks the redirect that brought the user back and takes the code out of it. */
export function codeFrom(facts: ProviderFacts, { callback, state }: ExchangeCodeOptions): string {
  const parameters = parametersOf(callback)
  const failed = (reason: string): EvergrantError =>
    new EvergrantError('AUTHORIZATION_FAILED', 'The authorization did not succeed', { reason })
  // Before the library compares them, which it does not do in constant time.
  if (!sameText(parameters.get('state') ?? '', state)) throw failed('state_mismatch')
  // The library takes an empty issuer for none; it is another one (RFC 9207 section 2.4).
  if (parameters.get('iss') === '') throw failed('invalid_callback')
  try {
    const client = { client_id: facts.clientId }
    const checked = validateAuthResponse({ issuer: facts.issuer }, client, parameters, state)
    // Once: of two codes nobody knows which one the user consented to (RFC 6749 section 3.1).
    const [code, another] = checked.getAll('code')
    if (code && another === undefined) return code
  } catch (error) {
    if (error instanceof AuthorizationResponseError && /^[a-z_]{1,40}$/.test(error.error)) {
      throw failed(error.error)
    }
    // The library's error quotes the parameters, the code among them: only our words pass.
    throw failed('invalid_callback')
  }
  throw failed('no_code')
}

/** A URL, its path and query, or the query alone. Never throws: an error would quote the code. */
export function parametersOf(callback: ExchangeCodeOptions['callback']): URLSearchParams {
  if (callback instanceof URLSearchParams) return callback
  if (callback instanceof URL) return callback.searchParams
  const [, query = callback] = /^[^?]*\?([^#]*)/.exec(callback) ?? []
  return new URLSearchParams(query)
}

/** Without these the protection against forged and replayed callbacks would silently not exist. */
export function checkExchange({ callback, state, codeVerifier, redirectUri }: ExchangeCodeOptions): void {
  for (const [name, value] of Object.entries({ state, codeVerifier, redirectUri })) {
    if (typeof value !== 'string' || value === '') throw optionError(name, 'must be a non-empty string')
  }
  const known = typeof callback === 'string' || callback instanceof URL || callback instanceof URLSearchParams
  if (!known) throw optionError('callback', 'must be a URL or its query parameters')
}
