import {
  type AccessToken,
  fetchWithTokens,
  type GetAccessTokenOptions,
  type GrantStatus,
  type TokenManager,
} from '@evergrant/core'

/**
 * The grant that a request concerns: what `@CurrentGrant()` gives. What it waits for ends when the request's client
 * goes away.
 */
export interface RequestGrant {
  readonly id: string
  readonly tokens: TokenManager
  /** Aborted when the client goes away, for Axios and others; `undefined` where there is no HTTP response. */
  readonly signal: AbortSignal | undefined
  /**
   * As the manager's. The client's going away ends this wait, never the rotation others wait for.
   * @throws EvergrantError as `TokenManager.getAccessToken`
   * @throws HttpException of status 499 when the client is gone
   */
  getAccessToken(options?: GetAccessTokenOptions): Promise<AccessToken>
  /**
   * Core's `fetchWithTokens` for this grant. The client's going away also ends the body of an answer: give it to the
   * client as a `StreamableFile`, or with `pipeline` of `node:stream/promises`; `pipe` leaves its errors to the process.
   * @throws EvergrantError as `TokenManager.getAccessToken`, and `BODY_NOT_REPLAYABLE`
   * @throws HttpException of status 499 when the client is gone
   */
  readonly fetch: typeof fetch
  /** What the store holds of it; `undefined`: nothing. */
  status(): Promise<GrantStatus | undefined>
}

export function createRequestGrant(
  tokens: TokenManager,
  id: string,
  signal: AbortSignal | undefined,
): RequestGrant {
  const send = fetchWithTokens({ tokens, grantId: id, ...(signal && { signal }) })
  const either = (own: AbortSignal | null | undefined): AbortSignal | undefined =>
    own && signal ? AbortSignal.any([own, signal]) : (own ?? signal)
  return {
    id,
    tokens,
    signal,
    getAccessToken: (options) =>
      heard(
        signal
          ? tokens.getAccessToken(id, { ...options, signal: either(options?.signal) })
          : tokens.getAccessToken(id, options),
      ),
    fetch: (input, init) => heard(send(input, init)),
    status: () => tokens.status(id),
  }
}

/**
 * A client that leaves must not end the process because the handler awaits something else first: rejects as before for
 * whoever awaits it.
 */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
