import type { IncomingMessage } from 'node:http'
import { jsonAnswer } from './answer.js'
import { presentedClient } from './clients.js'
import { fingerprint } from './fingerprint.js'
import { invalidClient, missingParameter } from './refusals.js'
import { readParameters } from './request-body.js'
import type { EndpointStep } from './serve-request.js'
import type { ServerState } from './server-state.js'

/**
 * `POST /oauth/revoke`, RFC 7009: a refresh token ends its whole family, an access token only itself, and a token
 * the server does not know is answered 200 too.
 */
export function revocationEndpoint(state: ServerState): (request: IncomingMessage) => EndpointStep {
  const { behaviour, clients, families } = state
  return ({ headers }) => {
    let parameters: Readonly<Record<string, string>> = {}
    return {
      identify(body, record) {
        parameters = readParameters(headers['content-type'], body, ['json', 'form']) ?? {}
        const { clientId } = presentedClient(headers.authorization, parameters)
        const { token } = parameters
        const family = token === undefined ? null : families.familyOf(token)
        record.update({ clientId, family, presented: token === undefined ? null : fingerprint(token) })
        return { path: 'revoke', grantType: null, clientId, family }
      },
      process(record) {
        const { token } = parameters
        const client = presentedClient(headers.authorization, parameters)
        if (!clients.authenticate(client, behaviour())) {
          record.update({ decision: 'invalid_client' })
          return { answer: invalidClient(), granted: false }
        }
        if (!token) {
          record.update({ decision: 'invalid_request' })
          return { answer: missingParameter('token'), granted: false }
        }
        const owned = families.ownerOf(token) === client.clientId
        if (owned && !families.revokeAccessToken(token)) {
          const family = families.familyOf(token)
          if (family !== null) families.revokeFamily(family, 'revocation-endpoint')
        }
        record.update({ decision: 'revoked' })
        return { answer: jsonAnswer(200, {}), granted: true }
      },
    }
  }
}
