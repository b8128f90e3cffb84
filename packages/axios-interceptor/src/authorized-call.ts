import { type AccessToken, EvergrantError, scrubError, type TokenManager } from '@evergrant/core'
import type { ResponseLike } from './axios-like.js'
import type { BareAxios } from './bare-axios.js'
import { privateConfig, type Redirects } from './private-config.js'
import { requestBody } from './request-body.js'
import { discardBody } from './response-body.js'
import { type AskedRequest, coverPools, sealError, sealResponse } from './seal-outcome.js'
import { startWait, type Wait } from './wait.js'

export interface AuthorizedCall extends AskedRequest {
  readonly bare: BareAxios
  readonly tokens: TokenManager
  readonly grantId: string
}

type Outcome = { readonly response: ResponseLike } | { readonly error: unknown }

/**
 * One request of the application: with a token, and once more with another one if the API refuses the first.
 * The token is on a private copy of the config only; what is handed back is sealed.
 */
export async function authorizedCall(call: AuthorizedCall): Promise<ResponseLike> {
  const { bare, tokens, grantId, config } = call
  const body = requestBody(config.data)
  coverPools(config)
  const wait = startWait(config, bare)
  const redirects: Redirects = { tokenStrayed: false }
  try {
    let token = await wait.for((options) => tokens.getAccessToken(grantId, options))
    for (let isReplay = false; ; isReplay = true) {
      let outcome: Outcome
      try {
        const response = await bare.send(privateConfig(call, body, token, wait.timeoutLeft(), redirects))
        outcome = { response: sealResponse(response, call) }
      } catch (error) {
        outcome = { error: scrubError(sealError(error, call), token) }
      }
      // A 401 from another origin, to which a redirect led without the token, says nothing about the token.
      const refusal = isReplay || redirects.tokenStrayed ? undefined : refusalIn(outcome)
      if (!refusal) return settle(outcome)
      const replacement = await replacementFor(token, refusal, call, wait)
      if (!replacement) return settle(outcome)
      discardBody(refusal.data)
      if (body.oneShot) throw notReplayable(tokens.provider, grantId)
      token = replacement
    }
  } finally {
    wait.end()
  }
}

/** Frees the connection of the refusal if there is no answer. */
async function replacementFor(
  token: AccessToken,
  refusal: ResponseLike,
  { tokens }: AuthorizedCall,
  wait: Wait,
): Promise<AccessToken | undefined> {
  try {
    return await wait.for((options) => tokens.reportRejected(token, options))
  } catch (error) {
    discardBody(refusal.data)
    throw error
  }
}

/** The answer 401, whether `validateStatus` takes it for a success or not. */
function refusalIn(outcome: Outcome): ResponseLike | undefined {
  const response =
    'response' in outcome ? outcome.response : (outcome.error as { response?: ResponseLike } | null)?.response
  return response?.status === 401 ? response : undefined
}

function settle(outcome: Outcome): ResponseLike {
  if ('error' in outcome) throw outcome.error
  return outcome.response
}

function notReplayable(provider: string, grantId: string): EvergrantError {
  const message =
    'The API refused the token and the body is a stream that is gone; there is a new token: send the request again'
  return new EvergrantError('BODY_NOT_REPLAYABLE', message, { provider, grantId })
}
