import type { IncomingMessage, ServerResponse } from 'node:http'
import { jsonAnswer, sendAnswer } from './answer.js'
import { consentPage } from './consent-page.js'
import { invalidClient, missingParameter, passportError } from './refusals.js'
import { requestUrl } from './request-url.js'
import type { ServerState } from './server-state.js'

/**
 * `GET /oauth/authorize`: the user answers at once or is asked (`consent`), the browser is sent back with `code` and
 * `state`, or with `error`. A client or redirect URI that is not registered is answered here, never redirected (RFC 6749 4.1.2.1).
 */
export function authorizeEndpoint(
  state: ServerState,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { behaviour, clients, codes, now } = state
  return async (request, response) => {
    const query = requestUrl(request).searchParams
    const client = clients.get(query.get('client_id') ?? '')
    if (!client) return sendAnswer(response, invalidClient())
    const redirectUri = query.get('redirect_uri') ?? client.redirectUris?.[0]
    if (redirectUri === undefined || !URL.canParse(redirectUri)) {
      return sendAnswer(response, missingParameter('redirect_uri'))
    }
    if (client.redirectUris && !client.redirectUris.includes(redirectUri)) {
      return sendAnswer(response, invalidClient())
    }
    const sendBack = (parameters: Record<string, string>): Promise<void> => {
      const location = new URL(redirectUri)
      for (const [name, value] of Object.entries(parameters)) location.searchParams.set(name, value)
      const given = query.get('state')
      if (given !== null) location.searchParams.set('state', given)
      return sendAnswer(response, { ...jsonAnswer(302, {}, { location: location.href }), body: '' })
    }
    if (query.get('response_type') !== 'code') {
      return sendAnswer(
        response,
        passportError(400, 'unsupported_response_type', 'Only `code` is supported.'),
      )
    }
    const codeChallenge = query.get('code_challenge')
    if (codeChallenge !== null && query.get('code_challenge_method') !== 'S256') {
      return sendBack({ error: 'invalid_request', error_description: 'code_challenge_method must be S256' })
    }
    const { consent } = behaviour()
    const decision = consent === 'ask' ? query.get('decision') : consent
    if (decision === null) return sendAnswer(response, consentPage(requestUrl(request)))
    if (decision !== 'approve') return sendBack({ error: 'access_denied' })
    const owner = {
      clientId: client.clientId,
      sub: query.get('login_hint') ?? 'user-1',
      scope: query.get('scope') ?? '',
    }
    const grant = { owner, redirectUri: query.get('redirect_uri'), codeChallenge }
    return sendBack({ code: codes.issue(grant, now() + behaviour().codeLifetimeMs) })
  }
}
