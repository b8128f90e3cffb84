import type { TokenManager } from '@evergrant/core'
import type { RequestHandler } from 'express'
import { checkFunction, checkTokens, checkWhole } from '../check-options.js'
import { checkGrantId, type GrantIdOption } from './grant-of-request.js'
import { type AttachTokens, createRequestGrant, type RequestGrant } from './request-grant.js'

declare global {
  namespace Express {
    interface Request {
      /** The grant of this request, once {@link grants} has run. */
      grant: RequestGrant
    }
  }
}

/** What {@link grants} takes. */
export interface GrantsOptions {
  readonly tokens: TokenManager
  /** Looked up when the grant is first used, at most once a request. */
  readonly grantId: GrantIdOption
  /** How long a request waits for a token, milliseconds. @defaultValue the manager's `timeoutMs` */
  readonly timeoutMs?: number | undefined
  /** Sends the requests of `req.grant.fetch`. @defaultValue the runtime's `fetch` at the time of each call */
  readonly fetch?: typeof fetch | undefined
  /**
   * `attachTokens` of `@evergrant/axios-interceptor`, for `req.grant.axios`. Passed in, because adapters do not
   * depend on each other: who does not use Axios does not install it.
   */
  readonly attachTokens?: AttachTokens | undefined
}

/**
 * Middleware that puts `req.grant` on each request. It does nothing until the grant is used, so it may stand before
 * routes that need none.
 *
 * @throws TypeError naming the option that is wrong
 */
export function grants(options: GrantsOptions): RequestHandler {
  const { tokens, grantId, timeoutMs, attachTokens } = options
  checkTokens(tokens)
  checkGrantId(grantId)
  checkFunction('fetch', options.fetch)
  checkFunction('attachTokens', attachTokens)
  if (timeoutMs !== undefined) checkWhole('timeoutMs', timeoutMs, 0, Number.MAX_SAFE_INTEGER)
  const settings = { tokens, grantId, timeoutMs, fetch: options.fetch, attachTokens }
  const attached = new WeakSet<object>()
  return (req, res, next) => {
    req.grant = createRequestGrant({ ...settings, attached }, req, res)
    next()
  }
}
