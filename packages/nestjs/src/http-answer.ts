import type { HttpAnswer } from '@evergrant/core'
import type { AbstractHttpAdapter } from '@nestjs/core'

/** Express' response and Fastify's reply. */
interface HeaderHolder {
  removeHeader?(name: string): unknown
}

const OF_A_BODY =
  'content-length content-encoding content-disposition content-range content-language etag last-modified accept-ranges'.split(
    ' ',
  )

/** Answers a request on any platform; an answer that has begun is only ended. */
export function writeAnswer(adapter: AbstractHttpAdapter, response: unknown, answer: HttpAnswer): void {
  if (hasBegun(adapter, response)) {
    adapter.end(response)
    return
  }
  // Said of the answer that did not come about.
  for (const name of OF_A_BODY) (response as HeaderHolder).removeHeader?.(name)
  writeHeaders(adapter, response, answer.headers)
  // Text: Nest would put a media type of its own on an object.
  adapter.reply(response, answer.body, answer.status)
}

export function writeHeaders(
  adapter: AbstractHttpAdapter,
  response: unknown,
  headers: HttpAnswer['headers'],
): void {
  for (const [name, value] of Object.entries(headers)) adapter.setHeader(response, name, value)
}

/** Fastify's adapter of Nest 11 does not see what was written to the response beneath its reply. */
function hasBegun(adapter: AbstractHttpAdapter, response: unknown): boolean {
  const { raw } = response as { readonly raw?: { readonly headersSent?: boolean } }
  return adapter.isHeadersSent(response) || raw?.headersSent === true
}
