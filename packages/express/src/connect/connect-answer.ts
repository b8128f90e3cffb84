import { type ConnectOutcome, isEvergrantError, type Problem, problemOf } from '@evergrant/core'
import type { NextFunction, Request, Response } from 'express'
import { problem, sendProblem } from '../problem-response.js'
import { connectPage } from './connect-page.js'

type FailureKind = Exclude<ConnectOutcome['kind'], 'connected' | 'failed'>

const FAILURES: Readonly<Record<FailureKind, Problem>> = {
  denied: problem(
    403,
    'connect_denied',
    'Not connected',
    'The provider was not allowed to give access. Connect again if that was not meant.',
  ),
  expired: problem(
    400,
    'connect_expired',
    'That took too long',
    'Begin again: the time to answer is limited.',
  ),
  replayed: problem(
    400,
    'connect_replayed',
    'This link was already used',
    'If the account is not connected, begin again.',
  ),
  forged: problem(
    400,
    'connect_forged',
    'This was not begun here',
    'The link does not belong to anything this browser began. Begin again, with cookies allowed.',
  ),
}

/** Ends the callback: on to where the user came from, or a word about what went wrong. */
export function answerOutcome(outcome: ConnectOutcome, req: Request, res: Response): void {
  if (outcome.kind === 'connected') {
    res.redirect(303, outcome.returnTo)
  } else {
    const what = outcome.kind === 'failed' ? problemOf(outcome.error) : FAILURES[outcome.kind]
    answer(what, outcome.returnTo, req, res)
  }
}

/** One of our errors as a page or problem details; anything else is the application's to handle. */
export function answerFailure(error: unknown, req: Request, res: Response, next: NextFunction): void {
  if (!isEvergrantError(error) || res.headersSent) next(error)
  // Here it is about who asks, not about what is stored.
  else answer(error.code === 'GRANT_NOT_FOUND' ? NO_SESSION : problemOf(error), undefined, req, res)
}

const NO_SESSION = problem(
  401,
  'connect_without_session',
  'You are not signed in',
  'Sign in to this application, then connect the account.',
)

function answer(what: Problem, returnTo: string | undefined, req: Request, res: Response): void {
  // A mount path may hold a parameter: only what surely stays on this site becomes a link.
  const again = /^(\/[\w.~-]+)*$/.test(req.baseUrl) ? `${req.baseUrl}/` : undefined
  if (req.accepts(['html', 'json']) === 'json') {
    sendProblem(res, what, again === undefined ? {} : { connect: again })
    return
  }
  if (what.retryAfterSeconds !== undefined) res.set('Retry-After', String(what.retryAfterSeconds))
  res.status(what.status)
  res.set('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
  res.type('html').send(connectPage({ title: what.title, detail: what.detail, again, returnTo }))
}
