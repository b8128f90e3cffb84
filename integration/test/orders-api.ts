/** An API that takes orders, and holds the first requests until all of them are there. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { PostedOrder } from './processes/messages.js'

export interface OrdersApi {
  readonly origin: string
  /** All of the first requests are there, their bodies read; none is answered. */
  readonly arrived: Promise<void>
  /** As many answers as were held have left with status 401. */
  readonly refused: Promise<void>
  /** Has the tokens looked at, from now on at once. */
  letGo(): void
  /** Bytes of filling processed, by order. */
  readonly taken: ReadonlyMap<number, number>
  close(): Promise<void>
}

/** @param apiUrl - At the authorization server: says whether a token is good now. */
export async function startOrdersApi(apiUrl: string, held: number): Promise<OrdersApi> {
  const taken = new Map<number, number>()
  const arrived = countdown(held)
  const refused = countdown(held)
  const gate = countdown(1)

  async function serve(response: ServerResponse, authorization: string, body: Promise<unknown>) {
    // Read in full before the token is looked at: what is counted is what is processed, not what arrives.
    const given = (await body) as PostedOrder | undefined
    arrived.one()
    await gate.done
    const { status } = await fetch(apiUrl, { headers: { authorization } })
    response.statusCode = status
    if (status === 200 && given) taken.set(given.order, (taken.get(given.order) ?? 0) + given.filling.length)
    response.end('{}', () => status === 401 && refused.one())
  }

  const http = createServer((request, response) => {
    const body = request.method === 'POST' ? json(request) : Promise.resolve(undefined)
    void serve(response, request.headers.authorization ?? '', body)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    arrived: arrived.done,
    refused: refused.done,
    letGo: gate.one,
    taken,
    async close() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

function countdown(from: number): { readonly done: Promise<void>; one(): void } {
  let left = from
  let resolve = (): void => {}
  const done = new Promise<void>((resolved) => {
    resolve = resolved
  })
  return {
    done,
    one() {
      left -= 1
      if (left === 0) resolve()
    },
  }
}
