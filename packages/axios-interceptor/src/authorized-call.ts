import { type AccessToken, EvergrantError, scrubError, type TokenManager } from '@evergrant/core'
import type { AdapterConfig, BeforeRedirect, HeadersLike, ResponseLike } from './axios-like.js'
import { type BareAxios, originOf, timeoutMessage } from './bare-axios.js'
import { requestBody } from './request-body.js'
import { discardBody } from './response-body.js'
import { coverPools, sealFor } from './seal-outcome.js'
import { startWait } from './wait.js'

export interface AuthorizedCall {
  readonly bare: BareAxios
  readonly tokens: TokenManager
  readonly grantId: string
  readonly config: AdapterConfig
  readonly url: URL
}

type Outcome = { readonly response: ResponseLike } | { readonly error: unknown }

/**
 * One request of the application: with a token, and once more with another one if the API refuses the first.
 * The token is on a private copy of the config only; what is handed back is sealed.
 */
export async function authorizedCall(call: AuthorizedCall): Promise<ResponseLike> {
  const { bare, tokens, grantId, config, url } = call
  const body = requestBody(config.data)
  const seal = sealFor(config, url)
  coverPools(config)
  const wait = startWait(config, bare)

  let tokenStrayed = false
  async function send(token: AccessToken): Promise<Outcome> {
    const headers = copyHeaders(config.headers)
    for (const [name, value] of Object.entries(body.headers)) headers.set(name, value)
    // Not by `set`, which looks at each header for one of this name: there is none, or this call were not ours.
    headers.Authorization = `Bearer ${token.reveal()}`
    const timeout = wait.timeoutLeft()
    const beforeRedirect = keptAtOrigin(url, config.beforeRedirect, () => {
      tokenStrayed = true
    })
    const limit = timeout > 0 ? { timeout, timeoutErrorMessage: timeoutMessage(config) } : {}
    const sent = { ...config, headers, data: body.data, beforeRedirect, ...limit }
    try {
      return { response: seal.response(await bare.send(sent, url)) }
    } catch (error) {
      return { error: scrubError(seal.error(error), token) }
    }
  }

  try {
    const token = await wait.for((options) => tokens.getAccessToken(grantId, options))
    const first = await send(token)
    const refusal = refusalIn(first)
    // A 401 from another origin, to which a redirect led without the token, says nothing about the token.
    if (!refusal || tokenStrayed) return settle(first)
    const replacement = await wait
      .for((options) => tokens.reportRejected(token, options))
      .catch((error: unknown) => {
        discardBody(refusal.data)
        throw error
      })
    if (!replacement) return settle(first)
    discardBody(refusal.data)
    if (body.oneShot) throw notReplayable(tokens.provider, grantId)
    return settle(await send(replacement))
  } finally {
    wait.end()
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

/** As they are, `false` ("do not send") among them, without a second look at each name. */
function copyHeaders(headers: HeadersLike): HeadersLike {
  return Object.assign(Object.create(Object.getPrototypeOf(headers)), headers)
}

/**
 * A redirect keeps the token within the origin only (older versions of axios also pass it to subdomains), and
 * the application's own `beforeRedirect` does not see it.
 */
function keptAtOrigin(url: URL, own: BeforeRedirect | undefined, onStray: () => void): BeforeRedirect {
  return (options, response, request) => {
    const { Authorization: carried, rest } = withoutAuthorization(options.headers)
    options.headers = rest
    own?.(options, response, request && { ...request, headers: withoutAuthorization(request.headers).rest })
    if (carried === undefined || originOf(options.href) !== url.origin) onStray()
    else options.headers = { Authorization: carried, ...options.headers }
  }
}

function withoutAuthorization(headers: Record<string, unknown> = {}): {
  Authorization: unknown
  rest: Record<string, unknown>
} {
  const isIt = ([name]: [string, unknown]): boolean => name.toLowerCase() === 'authorization'
  const entries = Object.entries(headers)
  return { Authorization: entries.find(isIt)?.[1], rest: Object.fromEntries(entries.filter((e) => !isIt(e))) }
}
