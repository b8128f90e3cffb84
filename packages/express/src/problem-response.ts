import type { ServerResponse } from 'node:http'
import { type EvergrantError, type HttpAnswer, type Problem, problemAnswer, problemOf } from '@evergrant/core'
import type { Request } from 'express'
import { optionError } from './check-options.js'

/** Where a user connects (again): an address, or a function; with several managers `error.provider` says whose it is. */
export type ConnectUrl = string | ((req: Request, error: EvergrantError) => string | undefined)

export function checkConnectUrl(connectUrl: unknown): void {
  if (connectUrl !== undefined && !['string', 'function'].includes(typeof connectUrl)) {
    throw optionError('connectUrl', 'must be a string or a function')
  }
}

/** Answers with one of core's errors; where connecting again helps, and only there, asks where that is. */
export function answerProblem(
  error: EvergrantError,
  connectUrl: ConnectUrl | undefined,
  req: Request,
  res: ServerResponse,
): void {
  const problem = problemOf(error)
  const connect = (): string | undefined =>
    typeof connectUrl === 'function' ? connectUrl(req, error) : connectUrl
  sendProblem(res, problem, problem.status === 401 ? connect() : undefined)
}

/** Answers with problem details (RFC 9457). */
export function sendProblem(res: ServerResponse, problem: Problem, connect?: string): void {
  sendAnswer(res, problemAnswer(problem, { connect }))
}

const DESCRIBES_A_BODY =
  /^(content-(?!security-policy)|etag$|last-modified$|accept-ranges$|transfer-encoding$|trailer$)/

export function sendAnswer(res: ServerResponse, { status, headers, body }: HttpAnswer): void {
  res.statusCode = status
  // Said of the answer that did not come about.
  for (const name of res.getHeaderNames()) if (DESCRIBES_A_BODY.test(name)) res.removeHeader(name)
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
  res.end(body)
}
