import type { ServerResponse } from 'node:http'
import { type EvergrantError, type Problem, problemOf } from '@evergrant/core'
import type { Request } from 'express'
import { optionError } from './check-options.js'

/** Where a user connects (again): an address, or a function that finds it for a request. */
export type ConnectUrl = string | ((req: Request) => string)

export function checkConnectUrl(connectUrl: unknown): void {
  if (connectUrl !== undefined && !['string', 'function'].includes(typeof connectUrl)) {
    throw optionError('connectUrl', 'must be a string or a function')
  }
}

/** Answers with one of core's errors; where connecting again helps, says where. */
export function answerProblem(
  error: EvergrantError,
  connectUrl: ConnectUrl | undefined,
  req: Request,
  res: ServerResponse,
): void {
  const answer = problemOf(error)
  const url = typeof connectUrl === 'function' ? connectUrl(req) : connectUrl
  sendProblem(res, answer, answer.status === 401 && url !== undefined ? { connect: url } : {})
}

/** Answers with problem details (RFC 9457); nothing may cache them. */
export function sendProblem(
  res: ServerResponse,
  problem: Problem,
  more: Readonly<Record<string, string>> = {},
): void {
  const { retryAfterSeconds, ...members } = problem
  res.statusCode = problem.status
  res.setHeader('Content-Type', 'application/problem+json; charset=utf-8')
  res.setHeader('Cache-Control', 'no-store')
  if (retryAfterSeconds !== undefined) res.setHeader('Retry-After', String(retryAfterSeconds))
  res.end(JSON.stringify({ ...members, ...more }))
}

/** A problem of this package's own, beside those that core makes of its errors. */
export function problem(status: number, code: string, title: string, detail: string): Problem {
  return { type: `${DOCS}#${code}`, status, code, title, detail }
}

const DOCS = 'https://github.com/evergrant/evergrant/blob/main/docs/errors.md'
