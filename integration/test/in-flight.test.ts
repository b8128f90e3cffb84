/** Many requests under way with the old token while another process rotates and the server revokes it. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { attachTokens } from '@evergrant/axios-interceptor'
import {
  createTokenManager,
  fetchWithTokens,
  memoryStore,
  passolution,
  type TokenManager,
} from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import axios from 'axios'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const CALLS = 200

interface Order {
  readonly order: number
  readonly filling: string
}

let server: AuthorizationServer
let api: Awaited<ReturnType<typeof startOrders>>
/** Two processes: one makes the requests, the other rotates. */
let caller: TokenManager
let rotator: TokenManager

beforeEach(async () => {
  server = await startAuthorizationServer({ preset: 'passolution' })
  api = await startOrders()
  const { origin, clientId, clientSecret } = server
  const store = memoryStore()
  const provider = passolution({ clientId, clientSecret, authorizationServer: origin, api: api.origin })
  caller = createTokenManager({ provider, store })
  rotator = createTokenManager({ provider, store })
  await caller.saveGrant('agency', server.issueGrant())
})

afterEach(async () => {
  await caller.close()
  await rotator.close()
  await api.close()
  await server.close()
})

/** An API that takes orders, and holds the first requests until all of them are there. */
async function startOrders() {
  const taken = new Map<number, number>()
  let held = 0
  let allArrived: () => void
  let letGo: () => void
  const arrived = new Promise<void>((resolve) => {
    allArrived = resolve
  })
  const gate = new Promise<void>((resolve) => {
    letGo = resolve
  })
  async function serve(response: ServerResponse, authorization: string, body: Promise<unknown>) {
    // Read in full before the token is looked at: what is counted is what is processed, not what arrives.
    const given = (await body) as Order | undefined
    held += 1
    if (held === CALLS) allArrived()
    await gate
    const { status } = await fetch(server.apiUrl, { headers: { authorization } })
    response.statusCode = status
    if (status === 200 && given) taken.set(given.order, (taken.get(given.order) ?? 0) + given.filling.length)
    response.end('{}')
  }
  const http = createServer((request, response) => {
    const body = request.method === 'POST' ? json(request) : Promise.resolve(undefined)
    void serve(response, request.headers.authorization ?? '', body)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    arrived,
    letGo: () => letGo(),
    /** Bytes of filling taken, by order. */
    taken,
    async close() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

type Send = (order: Order | undefined) => Promise<number>

const throughAxios = (adapter: 'http' | 'fetch'): Send => {
  const instance = axios.create({ baseURL: api.origin, adapter })
  attachTokens(instance, { tokens: caller, grantId: 'agency' })
  return async (order) =>
    (order ? await instance.post('/orders', order) : await instance.get('/orders')).status
}

const throughFetch = (): Send => {
  const send = fetchWithTokens({ tokens: caller, grantId: 'agency' })
  return async (order) => {
    const body = order ? { method: 'POST', body: JSON.stringify(order) } : {}
    const response = await send(`${api.origin}/orders`, body)
    await response.text()
    return response.status
  }
}

describe.each<[string, () => Send]>([
  ['Axios, http adapter', () => throughAxios('http')],
  ['Axios, fetch adapter', () => throughAxios('fetch')],
  ['fetchWithTokens', throughFetch],
])('200 requests in flight on the old token through %s', (_, sender) => {
  it('all end with 200 after one rotation elsewhere, and each body is processed once', async () => {
    const send = sender()
    // Every second one is a POST, of a few bytes to a few hundred thousand.
    const orders = Array.from({ length: CALLS }, (_none, i) =>
      i % 2 === 0 ? undefined : { order: i, filling: 'x'.repeat(i % 20 === 1 ? 300_000 : i) },
    )
    const calls = orders.map(send)
    await api.arrived
    await rotator.getAccessToken('agency', { forceRefresh: true })
    api.letGo()
    expect(await Promise.all(calls)).toEqual(orders.map(() => 200))
    expect(server.ledger.tokenRequests()).toHaveLength(1)
    const posted = orders.filter((order) => order !== undefined)
    expect([...api.taken].sort(([a], [b]) => a - b)).toEqual(
      posted.map(({ order, filling }) => [order, filling.length]),
    )
  })
})
