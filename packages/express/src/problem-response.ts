import type { ServerResponse } from 'node:http'
import type { Problem } from '@evergrant/core'

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
