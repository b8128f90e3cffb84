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
  const { statusCode = 0 } = answer
  const token = call.token.reveal()
  const out = headersOut(answer.rawHeaders, token)
  const location = ownLocation(out.location, token, call)
  const contentLocation = ownLocation(out.contentLocation, token, call)
  // Somebody else (a timeout of the application) was faster.
  if (res.headersSent) {
    discard(answer)
    return
  }
  const coding = out.transferEncoding
  let unusable: Problem | undefined
  if (statusCode >= 300 && statusCode < 400 && out.location !== undefined && location === undefined)
    unusable = proxyProblems.redirect
  // Coded in a way that was not asked for: without that header it would be garbage. Or a status that HTTP has not.
  if ((coding !== undefined && coding.toLowerCase() !== 'chunked') || statusCode < 200)
    unusable = proxyProblems.answer
  if (unusable) {
    discard(answer)
    sendProblem(res, unusable)
    return
  }

  const { kept } = out
  if (location !== undefined) kept.push('Location', location)
  if (contentLocation !== undefined) kept.push('Content-Location', contentLocation)
  kept.push('Cache-Control', cacheControlOut(out.cacheControl))
  // An answer of the API is data, not a page of our site: opened as one it may do nothing here.
  kept.push('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'; sandbox")
  kept.push('X-Content-Type-Options', 'nosniff')
  // The same browser may be somebody else's later.
  kept.push('Vary', 'Cookie')
  setHeaders(kept, res)
  res.writeHead(statusCode)
  // A part must not look like the whole. When it is the client that leaves, the call is broken off elsewhere.
  answer.on('close', () => {
    if (!answer.complete) breakOff(res)
  })
  answer.pipe(res)
}

function ownLocation(
  location: string | undefined,
  token: string,
  { target, path, mountPath }: AnsweredCall,
): string | undefined {
  if (location === undefined || quotes(location, token)) return undefined
  return target.locationFor(location, path, mountPath)
}

/**
 * Beside those that the application has set; where both have one, the answer's counts. One by one: `writeHead` keeps
 * only the last of a repeated header when some were set before.
 */
function setHeaders(kept: readonly string[], res: Response): void {
  // The application's `Vary` stays true beside ours.
  const begun = new Set(['vary'])
  for (let i = 0; i < kept.length; i += 2) {
    const name = kept[i]!.toLowerCase()
    if (begun.has(name)) res.appendHeader(kept[i]!, kept[i + 1]!)
    else res.setHeader(kept[i]!, kept[i + 1]!)
    begun.add(name)
  }
}

/**
 * So that the client cannot take the part for the whole: in HTTP/1.0 the end of the connection is the end of an answer.
 * Only TCP itself can be reset; over TLS and Unix sockets such a client cannot tell.
 */
function breakOff(res: Response): void {
  const { socket } = res
  const isTcp = socket?.remoteAddress !== undefined && !('encrypted' in socket)
  if (isTcp && res.req.httpVersion === '1.0') socket.resetAndDestroy()
  res.destroy()
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
