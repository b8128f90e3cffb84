import type { IncomingMessage } from 'node:http'
import { type Answer, inFormat, jsonAnswer } from './answer.js'
import { presentedClient } from './clients.js'
import { fingerprint } from './fingerprint.js'
import type { OpenEntry } from './ledger.js'
import {
  codeRefused,
  invalidClient,
  missingParameter,
  refreshRefused,
  unsupportedGrantType,
} from './refusals.js'
import { readParameters } from './request-body.js'
import type { Between, EndpointStep, ProcessedRequest } from './serve-request.js'
import type { ServerState } from './server-state.js'
import type { IssuedPair } from './token-records.js'
import { tokenReply } from './token-reply.js'

const refused = (answer: Answer): ProcessedRequest => ({ answer, granted: false })

/** `POST /oauth/token`: authorization_code, refresh_token and client_credentials. */
export function tokenEndpoint(state: ServerState): (request: IncomingMessage) => EndpointStep {
  const { behaviour, clients, codes, families, book, now } = state
  return ({ headers }) => {
    let parameters: Readonly<Record<string, string>> | null = null

    function granted(record: OpenEntry, pair: IssuedPair, issuedAtMs: number): ProcessedRequest {
      record.update({
        family: pair.family,
        issuedAccessToken: fingerprint(pair.accessToken),
        issuedRefreshToken: pair.refreshToken === null ? null : fingerprint(pair.refreshToken),
      })
      const reply = jsonAnswer(200, { ...tokenReply(pair, behaviour(), issuedAtMs) })
      return { answer: inFormat(reply, behaviour().replyFormat, headers.accept), granted: true }
    }

    async function refresh(
      record: OpenEntry,
      token: string,
      clientId: string,
      between: Between,
    ): Promise<ProcessedRequest> {
      let check = families.checkRefresh(token, clientId, now())
      // Only a test that waits in between gets the race: without it, check and spending are one step.
      if (check.status === 'good' && !(await between())) check = families.checkRefresh(token, clientId, now())
      if (state.isClosed()) return refused(invalidClient())
      if (check.status === 'refused') {
        if (
          check.reuse &&
          check.cause === 'revoked' &&
          behaviour().reuse === 'revokes-family' &&
          check.family
        ) {
          families.revokeFamily(check.family, 'reuse')
        }
        const afterLostReply = check.reuse && book.replyWasLost(fingerprint(token))
        record.update({
          decision: check.reuse ? 'reuse' : 'refused',
          doubleSpend: check.reuse,
          afterLostReply,
        })
        return refused(refreshRefused(behaviour(), check.cause, headers.accept))
      }
      const nowMs = now()
      const { decision, pair, doubleSpend } = families.spend(check.record, nowMs)
      const afterLostReply = doubleSpend && book.replyWasLost(fingerprint(token))
      record.update({ decision, doubleSpend, afterLostReply })
      return granted(record, pair, nowMs)
    }

    function exchange(record: OpenEntry, code: string, clientId: string): ProcessedRequest {
      const { redirect_uri: redirectUri = null, code_verifier: codeVerifier = null } = parameters ?? {}
      const nowMs = now()
      const redemption = codes.redeem({ code, clientId, redirectUri, codeVerifier }, nowMs)
      if (redemption.status === 'refused') {
        if (redemption.reusedFamily !== null && behaviour().reuse === 'revokes-family') {
          families.revokeFamily(redemption.reusedFamily, 'code-reuse')
        }
        record.update({ decision: 'refused' })
        return refused(codeRefused(behaviour(), redemption.hint))
      }
      const pair = families.issue(redemption.owner, nowMs)
      if (pair.family !== null) redemption.setFamily(pair.family)
      record.update({ decision: 'issued' })
      return granted(record, pair, nowMs)
    }

    return {
      identify(body, record) {
        parameters = readParameters(headers['content-type'], body, behaviour().requestFormats)
        const { clientId } = presentedClient(headers.authorization, parameters ?? {})
        const token = parameters?.refresh_token
        const presented = token ?? parameters?.code
        const family = token === undefined ? null : families.familyOf(token)
        const doubleSpend = token !== undefined && families.isSpent(token, now())
        record.update({
          clientId,
          grantType: parameters?.grant_type ?? null,
          presented: presented === undefined ? null : fingerprint(presented),
          family,
          doubleSpend,
          afterLostReply: doubleSpend && book.replyWasLost(fingerprint(token)),
        })
        return { path: 'token', grantType: parameters?.grant_type ?? null, clientId, family }
      },
      process(record, between) {
        const malformed = (answer: Answer): ProcessedRequest => {
          record.update({ decision: 'invalid_request' })
          return refused(answer)
        }
        const type = parameters?.grant_type
        if (!parameters || type === undefined) return malformed(unsupportedGrantType())
        const needs = { refresh_token: 'refresh_token', authorization_code: 'code', client_credentials: null }
        const needed = needs[type as keyof typeof needs]
        if (needed === undefined) return malformed(unsupportedGrantType())

        const client = presentedClient(headers.authorization, parameters)
        if (client.clientId === null) return malformed(missingParameter('client_id'))
        if (!clients.authenticate(client, behaviour())) {
          record.update({ decision: 'invalid_client' })
          return refused(invalidClient())
        }
        if (needed === null) {
          const owner = { clientId: client.clientId, sub: client.clientId, scope: parameters.scope ?? '' }
          const nowMs = now()
          record.update({ decision: 'issued' })
          return granted(record, families.issueWithoutRefreshToken(owner, nowMs), nowMs)
        }
        const value = parameters[needed]
        if (!value) return malformed(missingParameter(needed))
        return needed === 'code'
          ? exchange(record, value, client.clientId)
          : refresh(record, value, client.clientId, between)
      },
    }
  }
}
