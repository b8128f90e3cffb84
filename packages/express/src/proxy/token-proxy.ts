import type { ClientRequest, IncomingMessage } from 'node:http'
import { type AccessToken, crossSiteProblem, isCrossSite, isEvergrantError } from '@evergrant/core'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { isDisconnect, untilDisconnect } from '../grant/client-disconnect.js'
import { grantIdOf } from '../grant/grant-of-request.js'
import { answerProblem, sendProblem } from '../problem-response.js'
import { ApiUnreachable } from './api-unreachable.js'
import { callApi } from './call-api.js'
import { headersIn } from './headers.js'
import { discard, passOn } from './pass-on.js'
import { type ProxySettings, proxySettings, type TokenProxyOptions } from './proxy-options.js'
import { proxyProblems } from './proxy-problems.js'
import { BodyTooLarge, framingOf, readBody, sendBody } from './request-body.js'

export type { TokenProxyOptions } from './proxy-options.js'

/*
 * The way of a request, and who may cut in where:
 *
 *   come ─► refused                            another site, a path outside, a method that echoes: nothing is read
 *     │
 *     ▼
 *   reading the body ─► whole | stream         the client leaves: nothing was sent. Too long: 413
 *     ▼
 *   waiting for the token                      the client leaves: the wait ends, the rotation goes on
 *     ▼
 *   sent ──────────────► answer other than 401 ─► passing it on
 *     │                                        no answer: 502 or 504; a request that changes nothing, on a kept
 *     │                                        connection that was closed meanwhile, is sent once more
 *     ▼ 401
 *   waiting for another token                  none to be had: the 401 is passed on
 *     │            └─► the body was a stream   503 token_rejected: whatever the API read of it, it refused
 *     ▼
 *   sent again ─► any answer, also 401 ─► passing it on
 *
 * Passing on: the client leaves -> the API's connection is closed. The API breaks off -> so is the client's: a part
 * never looks like the whole. A slow client slows the API down. When the API answers before it has read all of a
 * streamed body, the answer is passed on at once and the rest of the body read and dropped when the API closes.
 * A client that leaves in the middle of a streamed body breaks the request to the API off in its middle too.
 */

/** Echoes requests (TRACE), or is nothing that HTTP APIs speak: token and all would come back. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Middleware that passes requests on to an API with the grant's access token, so that the browser has no token: a
 * token-mediating backend. Mount it before body parsers: `app.use('/api/example', tokenProxy({ … }))`.
 *
 * A 401 is answered with the next token, once, if the body fits the buffer; a longer body is streamed, and after a 401
 * its sender is asked to send it again (503, `token_rejected`, `Retry-After: 0`). Nothing outside of `target` is reached.
 * Cookies and credentials pass in neither direction. Answers are streamed as they come, encoded as they are.
 *
 * Refuses what other sites made the browser send; that, and that the grant is chosen by the session, is all the access
 * control there is: whoever may use this path may do at the API what the grant allows.
 *
 * What goes wrong here is answered with problem details. Errors of `grantId`, and a body that somebody has read before,
 * go to the application's error handler.
 *
 * @throws TypeError naming the option that is wrong
 * @see OAuth 2.0 for Browser-Based Applications, section 6.2
 */
export function tokenProxy(options: TokenProxyOptions): RequestHandler {
  const settings = proxySettings(options)
  return (req, res, next) => {
    const path = admit(settings, req, res)
    if (path === undefined) return
    pass(settings, path, req, res).catch((error: unknown) => fail(error, settings, req, res, next))
  }
}

/** The path at the target; `undefined`: refused and answered. */
function admit(settings: ProxySettings, req: Request, res: Response): string | undefined {
  const { target, origins, requiredHeader } = settings
  const path = target.pathFor(req)
  if (!METHODS.has(req.method)) {
    res.setHeader('Allow', [...METHODS].join(', '))
    sendProblem(res, proxyProblems.method)
  } else if (isCrossSite(req.headers, origins)) {
    sendProblem(res, crossSiteProblem)
  } else if (requiredHeader !== undefined && req.headers[requiredHeader] === undefined) {
    sendProblem(res, proxyProblems.header)
  } else if (path === undefined) {
    sendProblem(res, proxyProblems.path)
  } else {
    return path
  }
  return undefined
}

async function pass(settings: ProxySettings, path: string, req: Request, res: Response): Promise<void> {
  const { tokens, grantId, timeoutMs, target } = settings
  const wait = untilDisconnect(res, timeoutMs)
  if (req.readableDidRead) throw new TypeError('tokenProxy must be mounted before whatever reads bodies')
  const body = await readBody(req, settings, res)
  const id = typeof grantId === 'string' ? grantId : await grantIdOf(settings, req)
  const first = await tokens.getAccessToken(id, wait)
  const headers = headersIn(req.rawHeaders, target.host).concat(framingOf(body, req.method))
  const give = (answer: IncomingMessage, token: AccessToken): void => {
    try {
      passOn(answer, { token, path, target, mountPath: req.baseUrl }, res)
    } catch (error) {
      answer.destroy()
      throw error
    }
  }
  const mayRepeat = body.kind !== 'stream' && SAFE.has(req.method)
  const call = { settings, method: req.method, path, headers, res, give, mayRepeat }
  const write = (request: ClientRequest): void => sendBody(req, body, request, settings.maxBytes)

  const refusal = await callApi(call, first, write, true)
  if (!refusal) return
  let next: AccessToken | undefined
  try {
    next = await tokens.reportRejected(first, wait)
  } catch (error) {
    refusal.destroy()
    throw error
  }
  if (!next) {
    // It broke off while we waited, and tells nobody any more.
    if (refusal.destroyed && !refusal.complete) throw new ApiUnreachable('broken')
    return give(refusal, first)
  }
  if (body.kind === 'stream') {
    // The rest of the body needs no sending any more.
    refusal.destroy()
    return sendProblem(res, proxyProblems.tokenRejected)
  }
  discard(refusal)
  await callApi(call, next, write, false)
}

function fail(
  error: unknown,
  { connectUrl }: ProxySettings,
  req: Request,
  res: Response,
  next: NextFunction,
): void {
  // What was begun to be read is read and dropped: the connection would be stuck.
  if (!(error instanceof BodyTooLarge)) req.resume()
  // Nobody is left to answer, or somebody else (a timeout of the application) has answered.
  if (isDisconnect(error, res) || res.headersSent) return
  if (error instanceof BodyTooLarge) {
    // Whoever sends too much is not listened to until the end.
    res.setHeader('Connection', 'close')
    sendProblem(res, proxyProblems.bodyTooLarge)
  } else if (error instanceof ApiUnreachable) {
    sendProblem(res, error.why === 'timeout' ? proxyProblems.timeout : proxyProblems.unreachable)
  } else if (isEvergrantError(error)) {
    try {
      answerProblem(error, connectUrl, req, res)
    } catch (ofConnectUrl) {
      next(ofConnectUrl)
    }
  } else {
    next(error)
  }
}
