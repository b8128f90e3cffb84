import { isEvergrantError, problemOf } from '@evergrant/core'
import type { ErrorRequestHandler, Request } from 'express'
import { optionError } from './check-options.js'
import { isDisconnect } from './grant/client-disconnect.js'
import { sendProblem } from './problem-response.js'

export interface EvergrantErrorsOptions {
  /** Where a user connects (again), named in answers with status 401 as `connect`. */
  readonly connectUrl?: string | ((req: Request) => string) | undefined
}

/**
 * Error handler that answers every `EvergrantError` with problem details (RFC 9457): `status`, `code`, `title`,
 * `detail` (what the user can do), and `Retry-After` where that is known. Mount it after the routes. Anything else
 * goes on to the next error handler, also when the answer has begun.
 *
 * The errors of a client that is gone end here: nobody is left to answer.
 *
 * @throws TypeError naming the option that is wrong
 */
export function evergrantErrors({ connectUrl }: EvergrantErrorsOptions = {}): ErrorRequestHandler {
  if (connectUrl !== undefined && !['string', 'function'].includes(typeof connectUrl)) {
    throw optionError('connectUrl', 'must be a string or a function')
  }
  return (error: unknown, req, res, next) => {
    if (isDisconnect(error, res)) return
    if (!isEvergrantError(error) || res.headersSent) return next(error)
    const answer = problemOf(error)
    const url = typeof connectUrl === 'function' ? connectUrl(req) : connectUrl
    sendProblem(res, answer, answer.status === 401 && url !== undefined ? { connect: url } : {})
  }
}
