import type { ServerResponse } from 'node:http'
import { type Answer, jsonAnswer, responseClosed, sendAnswer } from './answer.js'
import type { Fault, SlowBytesFault } from './fault.js'
import { faultAnswer } from './fault-answers.js'
import { pause } from './faults.js'

/** Everything a fault needs to spoil a reply. */
export interface SpoiledReply {
  readonly response: ServerResponse
  readonly fault: Fault
  /** The server's own answer; `null` when the fault struck before there was one. */
  readonly answer: Answer | null
  readonly nowMs: number
  /** Ends whatever hangs, drips or never ends: the connection is cut. */
  readonly released: AbortSignal
}

/** Sends, drips or withholds a reply as the fault says; returns the status that went out, if one did. */
export async function deliverFault(reply: SpoiledReply): Promise<number | null> {
  const { response, fault, answer, nowMs, released } = reply
  const own = answer ?? jsonAnswer(200, {})
  const spoiled = faultAnswer(fault, answer, nowMs)
  if (spoiled) {
    await sendAnswer(response, spoiled)
    return spoiled.status
  }
  if (response.destroyed) return null
  if (fault.kind === 'slow-bytes') {
    await drip(response, own, fault, released)
    return own.status
  }
  if (fault.kind === 'oversized') {
    await sendAnswer(response, padded(own, fault.bytes ?? 10_000_000, fault.tokens ?? 'start'))
    return own.status
  }
  if (fault.kind === 'endless') {
    await sendForever(response, own, fault.tokens ?? 'start', released)
    return own.status
  }
  if (fault.kind === 'cut' && fault.at === 'in-body') {
    await sendHalf(response, own)
    response.destroy()
    return own.status
  }
  if (fault.kind === 'hang') await closedOrReleased(response, released)
  response.destroy()
  return null
}

async function closedOrReleased(response: ServerResponse, released: AbortSignal): Promise<void> {
  if (released.aborted) return
  const release = new Promise<void>((resolve) => released.addEventListener('abort', () => resolve()))
  await Promise.race([responseClosed(response), release])
}

/** Resolves when the bytes are with the operating system, or the connection is gone. */
async function write(response: ServerResponse, bytes: Buffer | string): Promise<void> {
  const written = new Promise<void>((resolve) => void response.write(bytes, () => resolve()))
  await Promise.race([written, responseClosed(response)])
}

async function sendHalf(response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
  const bytes = Buffer.from(body)
  response.writeHead(status, { ...headers, 'content-length': bytes.length })
  await write(response, bytes.subarray(0, Math.ceil(bytes.length / 2)))
}

async function drip(
  response: ServerResponse,
  { status, headers, body }: Answer,
  { everyMs, chunkBytes = 1 }: SlowBytesFault,
  released: AbortSignal,
): Promise<void> {
  const bytes = Buffer.from(body)
  response.writeHead(status, { ...headers, 'content-length': bytes.length })
  for (let at = 0; at < bytes.length && !response.destroyed; at += chunkBytes) {
    await pause(everyMs, released)
    if (released.aborted) return void response.destroy()
    await write(response, bytes.subarray(at, at + chunkBytes))
  }
  if (!response.destroyed) response.end()
}

/** JSON of `length` bytes, with the answer's own fields at one end or nowhere. */
function padded(answer: Answer, length: number, tokens: 'start' | 'end' | 'nowhere'): Answer {
  const kept = tokens === 'nowhere' ? {} : answer.fields
  const padding = 'x'.repeat(Math.max(0, length - JSON.stringify({ ...kept, padding: '' }).length))
  const fields = tokens === 'end' ? { padding, ...kept } : { ...kept, padding }
  return { ...answer, body: JSON.stringify(fields) }
}

async function sendForever(
  response: ServerResponse,
  answer: Answer,
  tokens: 'start' | 'nowhere',
  released: AbortSignal,
): Promise<void> {
  response.writeHead(answer.status, answer.headers)
  await write(response, padded(answer, 0, tokens).body.slice(0, -2))
  const chunk = 'x'.repeat(65_536)
  while (!response.destroyed && !released.aborted) {
    await write(response, chunk)
    await pause(1, released)
  }
  response.destroy()
}
