import {
  CONNECT_HEADERS,
  type ConnectFlowOptions,
  type ConnectRefusal,
  connectAnswer,
  createConnectFlow,
  crossSiteProblem,
  isCrossSite,
  isCrossSiteNavigation,
  isEvergrantError,
  problemWith,
} from '@evergrant/core'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { checkOrigins, optionError } from '../check-options.js'
import { disconnectSignal, isDisconnect } from '../grant/client-disconnect.js'
import { checkGrantId, type GrantIdOption, grantIdOf } from '../grant/grant-of-request.js'
import { sendAnswer, sendProblem } from '../problem-response.js'

/** What {@link connectRoutes} takes. */
export interface ConnectRoutesOptions extends ConnectFlowOptions {
  /**
   * Whose grant is connected: from the user's session. Asked again at the callback, where another grant than at
   * the beginning is refused (and `undefined` is not: a SameSite=Strict session cookie is not sent there).
   */
  readonly grantId: GrantIdOption
  /** Where users go after they disconnected: a path of this site. @defaultValue `/` */
  readonly afterDisconnect?: string | undefined
  /** Origins besides this one whose pages may disconnect, and lead to the beginning unasked. @defaultValue none */
  readonly allowedOrigins?: readonly string[] | undefined
}

/**
 * The routes by which a user connects an account and disconnects it, to be mounted with `app.use('/connect', …)`:
 *
 * - `GET /?returnTo=/path` sends the browser to the provider; who comes from another site is asked first,
 * - `GET /callback` is where it comes back (`redirectUri` must lead here), and sends it on to `returnTo`,
 * - `POST /disconnect` removes the grant and revokes it at the provider; refused when another site sent the request.
 *
 * What goes wrong is told as a page, or as problem details to who prefers JSON. No answer holds a token or a code.
 *
 * @throws TypeError naming the option that is wrong
 */
export function connectRoutes(options: ConnectRoutesOptions): RequestHandler {
  const { tokens, grantId, afterDisconnect = '/', allowedOrigins = [] } = options
  const flow = createConnectFlow(options)
  checkGrantId(grantId)
  if (typeof afterDisconnect !== 'string' || !/^\/(?![/\\])/.test(afterDisconnect)) {
    throw optionError('afterDisconnect', "must be a path of this site, beginning with '/'")
  }
  if (typeof tokens.revoke !== 'function') throw optionError('tokens', 'must be a TokenManager')
  const origins = checkOrigins('allowedOrigins', allowedOrigins)

  async function begin(req: Request, res: Response): Promise<void> {
    if (isCrossSiteNavigation(req.headers, origins)) return answerFailure('from_elsewhere', req, res)
    const returnTo = returnToOf(req)
    const { url, setCookies } = await flow.begin({
      grantId: await grantIdOf(options, req),
      cookie: req.headers.cookie,
      returnTo,
    })
    res.append('Set-Cookie', [...setCookies])
    res.redirect(302, url)
  }

  async function callback(req: Request, res: Response): Promise<void> {
    const outcome = await flow.complete({
      callback: req.originalUrl,
      cookie: req.headers.cookie,
      grantId: (typeof grantId === 'function' ? await grantId(req) : grantId) ?? undefined,
      signal: disconnectSignal(res),
    })
    res.append('Set-Cookie', [...outcome.setCookies])
    if (outcome.kind === 'connected') res.redirect(303, outcome.returnTo)
    else answerFailure(outcome, req, res)
  }

  async function disconnect(req: Request, res: Response): Promise<void> {
    if (isCrossSite(req.headers, origins)) return sendProblem(res, crossSiteProblem)
    const result = await tokens.revoke(await grantIdOf(options, req))
    if (isForPrograms(req)) res.json(result)
    else res.redirect(303, afterDisconnect)
  }

  const routes: Readonly<Record<string, { readonly method: string; readonly run: typeof begin }>> = {
    '': { method: 'GET', run: begin },
    '/callback': { method: 'GET', run: callback },
    '/disconnect': { method: 'POST', run: disconnect },
  }

  return (req: Request, res: Response, next: NextFunction) => {
    const path = req.path.replace(/\/$/, '')
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined
    if (!route) return next()
    res.set(CONNECT_HEADERS)
    if (req.method !== route.method) {
      res.set('Allow', route.method)
      return sendProblem(
        res,
        problemWith(405, 'method_refused', 'Method not allowed', `Use ${route.method}.`),
      )
    }
    route.run(req, res).catch((error: unknown) => fail(error, req, res, next))
  }
}

/** One of our errors is answered here; anything else is the application's to handle. */
function fail(error: unknown, req: Request, res: Response, next: NextFunction): void {
  if (isDisconnect(error, res)) return
  if (isEvergrantError(error) && !res.headersSent) answerFailure(error, req, res)
  else next(error)
}

function answerFailure(what: ConnectRefusal, req: Request, res: Response): void {
  const as = isForPrograms(req) ? 'problem' : 'page'
  sendAnswer(res, connectAnswer(what, { as, beginPath: `${req.baseUrl}/`, returnTo: returnToOf(req) }))
}

function returnToOf({ query: { returnTo } }: Request): string | undefined {
  return typeof returnTo === 'string' ? returnTo : undefined
}

/** Browsers name `text/html`; what says that it takes anything is a program. */
const isForPrograms = (req: Request): boolean =>
  !/\btext\/html\b/i.test(req.headers.accept ?? '') || req.accepts(['html', 'json']) === 'json'
