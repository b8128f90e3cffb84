import type { IncomingMessage } from 'node:http'
import type { AccessToken, Problem } from '@evergrant/core'
import type { Response } from 'express'
import { sendProblem } from '../problem-response.js'
import { cacheControlOut, headersOut, quotes } from './headers.js'
import { proxyProblems } from './proxy-problems.js'
import type { Target } from './target.js'

export interface AnsweredCall {
  readonly token: AccessToken
  /** Path and query at the target. */
  readonly path: string
  readonly target: Target
  readonly mountPath: string
}

/** Gives an answer of the API to the browser, as it comes; trailers are dropped. */
export function passOn(answer: IncomingMessage, call: AnsweredCall, res: Response): void {
  const { statusCode = 0, headers } = answer
  const token = call.token.reveal()
  const ownLocation = (location: string | undefined): string | undefined =>
    location === undefined || quotes(location, token)
      ? undefined
      : call.target.locationFor(location, call.path, call.mountPath)
  const location = ownLocation(headers.location)
  const contentLocation = ownLocation(headers['content-location'])
  const isRedirect = statusCode >= 300 && statusCode < 400 && headers.location !== undefined
  const coding = headers['transfer-encoding']
  // Somebody else (a timeout of the application) was faster.
  if (res.headersSent) {
    discard(answer)
    return
  }
  let unusable: Problem | undefined
  if (isRedirect && location === undefined) unusable = proxyProblems.redirect
  // Coded in a way that was not asked for: without that header it would be garbage. Or a status that HTTP has not.
  if ((coding !== undefined && coding.toLowerCase() !== 'chunked') || statusCode < 200)
    unusable = proxyProblems.answer
  if (unusable) {
    discard(answer)
    sendProblem(res, unusable)
    return
  }

  const kept = headersOut(answer.rawHeaders, token)
  if (location !== undefined) kept.push('Location', location)
  if (contentLocation !== undefined) kept.push('Content-Location', contentLocation)
  kept.push('Cache-Control', cacheControlOut(headers['cache-control']))
  // An answer of the API is data, not a page of our site: opened as one it may do nothing here.
  kept.push('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'; sandbox")
  kept.push('X-Content-Type-Options', 'nosniff')
  // The same browser may be somebody else's later.
  kept.push('Vary', 'Cookie')
  setHeaders(kept, res)
  res.writeHead(statusCode)
  // A part must not look like the whole. When it is the client that leaves, the call is broken off elsewhere.
  answer.on('error', () => res.destroy())
  answer.on('close', () => {
    if (!answer.complete) res.destroy()
  })
  answer.pipe(res)
}

/**
 * Beside those that the application has set; where both have one, the answer's counts. One by one: `writeHead` keeps
 * only the last of a repeated header when some were set before.
 */
function setHeaders(kept: readonly string[], res: Response): void {
  const before = res.getHeaderNames()
  for (let i = 0; i < kept.length; i += 2) {
    const name = kept[i]!.toLowerCase()
    if (before.includes(name) && name !== 'vary') res.removeHeader(name)
  }
  for (let i = 0; i < kept.length; i += 2) res.appendHeader(kept[i]!, kept[i + 1]!)
}

/** A short answer that nobody wants is read, to keep its connection; a long one is cut off. */
export function discard(answer: IncomingMessage): void {
  let leftBytes = 65_536
  answer.on('error', () => {})
  answer.on('data', (chunk: Buffer) => {
    leftBytes -= chunk.length
    if (leftBytes < 0) answer.destroy()
  })
}
