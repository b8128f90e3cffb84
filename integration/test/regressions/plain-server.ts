import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

interface PlainReply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

interface PlainServer {
  readonly origin: string
  /** Bodies of the requests so far. */
  readonly bodies: readonly string[]
}

/** An HTTP server that answers as told, closed when the test is over. `count` counts requests from 1. */
export async function openServer(
  answer: (request: { readonly body: string; readonly count: number }) => PlainReply,
): Promise<PlainServer> {
  const bodies: string[] = []
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const { status = 200, headers = {}, body: reply = '' } = answer({ body, count: bodies.push(body) })
    response.writeHead(status, headers).end(reply)
  }
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    await once(server.close(), 'close')
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies }
}
