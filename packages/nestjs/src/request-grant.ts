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
   * Core's `fetchWithTokens` for this grant.
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
  const send = fetchWithTokens({ tokens, grantId: id })
  const either = (own: AbortSignal | null | undefined): AbortSignal | undefined =>
    own && signal ? AbortSignal.any([own, signal]) : (own ?? signal)
  return {
    id,
    tokens,
    signal,
    getAccessToken: (options) =>
      signal
        ? tokens.getAccessToken(id, { ...options, signal: either(options?.signal) })
        : tokens.getAccessToken(id, options),
    fetch: (input, init) => {
      const own = init?.signal ?? (input instanceof Request ? input.signal : undefined)
      const bound = either(own)
      return send(input, bound ? { ...init, signal: bound } : init)
    },
    status: () => tokens.status(id),
  }
}
