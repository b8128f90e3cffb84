import {
  type AccessToken,
  fetchWithTokens,
  type GetAccessTokenOptions,
  type GrantStatus,
  type TokenManager,
  type WaitOptions,
} from '@evergrant/core'
import type { Request, Response } from 'express'
import { optionError } from '../check-options.js'
import { disconnectSignal } from './client-disconnect.js'
import { type GrantIdOption, grantIdOf } from './grant-of-request.js'
import { grantedAxios } from './granted-axios.js'
import { heard } from './heard.js'

/** `attachTokens` of `@evergrant/axios-interceptor`: makes the requests of an instance carry tokens. */
export type AttachTokens = (instance: never, options: { readonly tokens: TokenManager }) => unknown

/**
 * The grant of one request. When the client disconnects, waiting for a token ends (rejecting with an `AbortError`);
 * the rotation that was waited for goes on.
 *
 * Everything rejects with `GRANT_NOT_FOUND` when the request has no grant, and as {@link TokenManager} does.
 */
export interface RequestGrant {
  /** As {@link TokenManager.getAccessToken}. */
  getAccessToken(options?: GetAccessTokenOptions): Promise<AccessToken>
  /**
   * `fetch` with the token, sent once more after a 401: see `fetchWithTokens` of core. A disconnect also aborts a
   * request that is on its way, and the body of an answer; what the API has begun to do then, it may do to its end. Give
   * a body to the client with `pipeline` of `node:stream/promises`: `pipe` leaves its errors to the process.
   */
  readonly fetch: typeof fetch
  /**
   * `instance`, with the token of this grant on its requests and a replay after a 401. Needs the option
   * `attachTokens`. Use it for this request only: what it returns belongs to this user.
   *
   * @throws TypeError without the option `attachTokens`
   */
  axios<T extends object>(instance: T): T
  /** What the store holds of this grant; `undefined`: nothing. */
  status(): Promise<GrantStatus | undefined>
}

export interface GrantSettings {
  readonly tokens: TokenManager
  readonly grantId: GrantIdOption
  readonly timeoutMs: number | undefined
  readonly fetch: typeof fetch | undefined
  readonly attachTokens: AttachTokens | undefined
  /** Axios instances that have been attached; once for all requests. */
  readonly attached: WeakSet<object>
}

export function createRequestGrant(settings: GrantSettings, req: Request, res: Response): RequestGrant {
  const { tokens, timeoutMs, attachTokens, attached } = settings
  let found: Promise<string> | undefined
  const grantId = (): Promise<string> => {
    found ??= grantIdOf(settings, req)
    return found
  }
  const waiting = leavingWith(tokens, timeoutMs, res)
  let withTokens: typeof fetch | undefined

  return {
    getAccessToken: (options) => heard(grantId().then((id) => waiting.getAccessToken(id, options))),
    fetch(input, init) {
      withTokens ??= fetchWithTokens({
        tokens: waiting,
        grantId,
        signal: disconnectSignal(res),
        ...(settings.fetch && { fetch: settings.fetch }),
      })
      return heard(withTokens(input, init))
    },
    axios(instance) {
      if (!attachTokens) throw optionError('attachTokens', 'is needed for req.grant.axios')
      if (!attached.has(instance)) {
        attachTokens(instance as never, { tokens })
        attached.add(instance)
      }
      return grantedAxios(instance, async () => {
        // Waits here, where a disconnect ends it; the interceptor then finds the token ready.
        const id = await grantId()
        await waiting.getAccessToken(id)
        return id
      })
    },
    status: async () => tokens.status(await grantId()),
  }
}

/** Aborts with the caller's own signal, and when the client of this response is gone. */
function eitherSignal(own: AbortSignal | null | undefined, res: Response): AbortSignal {
  const gone = disconnectSignal(res)
  return own ? AbortSignal.any([own, gone]) : gone
}

/** The same manager, whose callers stop waiting when the client of this response is gone. */
function leavingWith(tokens: TokenManager, timeoutMs: number | undefined, res: Response): TokenManager {
  function patience<O extends WaitOptions>(options: O | undefined): O & WaitOptions {
    const signal = eitherSignal(options?.signal, res)
    return { ...(options as O), timeoutMs: options?.timeoutMs ?? timeoutMs, signal }
  }
  return {
    ...tokens,
    isApiUrl: (url) => tokens.isApiUrl(url),
    getAccessToken: (grantId, options) => tokens.getAccessToken(grantId, patience(options)),
    reportRejected: (token, options) => tokens.reportRejected(token, patience(options)),
  }
}
