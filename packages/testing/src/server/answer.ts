import type { ServerResponse } from 'node:http'
import type { ReplyFormat } from './behaviour.js'

/** A complete reply, before it goes on the wire. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** What `body` was made of, where faults may want to change it. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** A JSON reply. */
export function jsonAnswer(
  status: number,
  fields: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(fields),
    fields,
  }
}

/** The same fields form-encoded, if the format and the request's `Accept` ask for it. */
export function inFormat(answer: Answer, format: ReplyFormat, accept: string | undefined): Answer {
  const form = format === 'form' || (format === 'by-accept' && !(accept ?? '').includes('application/json'))
  if (!form || !answer.fields) return answer
  const pairs = Object.entries(answer.fields).map(([name, value]): [string, string] => [name, String(value)])
  return {
    ...answer,
    headers: { ...answer.headers, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: new URLSearchParams(pairs).toString(),
  }
}

const closings = new WeakMap<ServerResponse, Promise<void>>()

/** Resolves when the connection is done with this response, however it ended. */
export function responseClosed(response: ServerResponse): Promise<void> {
  if (response.closed || response.destroyed) return Promise.resolve()
  const closing =
    closings.get(response) ?? new Promise<void>((resolve) => void response.once('close', resolve))
  closings.set(response, closing)
  return closing
}

/** Writes the whole answer; resolves when it was handed over or the connection is gone. */
export async function sendAnswer(response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
  if (response.destroyed) return
  const bytes = Buffer.from(body)
  const length = status === 204 ? {} : { 'content-length': bytes.length }
  response.writeHead(status, { ...headers, ...length })
  const closed = responseClosed(response)
  const finished = new Promise<void>((resolve) => void response.end(bytes, () => resolve()))
  await Promise.race([finished, closed])
}
