import { isEvergrantError } from '@evergrant/core'
import type { ErrorRequestHandler } from 'express'
import { isDisconnect } from './grant/client-disconnect.js'
import { answerProblem, type ConnectUrl, checkConnectUrl } from './problem-response.js'

/** What {@link evergrantErrors} takes. */
export interface EvergrantErrorsOptions {
  /** Where a user connects (again), named in answers with status 401 as `connect`. */
  readonly connectUrl?: ConnectUrl | undefined
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
  checkConnectUrl(connectUrl)
  return (error: unknown, req, res, next) => {
    if (isDisconnect(error, res)) return
    if (isEvergrantError(error) && !res.headersSent) answerProblem(error, connectUrl, req, res)
    else next(error)
  }
}
