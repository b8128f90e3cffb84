import { createTokenManager, memoryStore, oauth2Provider, type TokenManager } from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const LIMIT = 10
const WINDOW_MS = 4_000

let server: AuthorizationServer
let managers: TokenManager[]
/** Headers that somebody before the token endpoint adds to its answers. */
let added: Record<string, string>

beforeEach(async () => {
  server = await startAuthorizationServer({
    preset: 'oidcProvider',
    // A little shorter than what is stated: this one busy event loop brings requests closer together than they left.
    throttle: { limit: LIMIT, windowMs: WINDOW_MS - 200, windowStart: 'first-request' },
  })
  const store = memoryStore()
  added = {}
  const fetchWithMore: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    const headers = new Headers(response.headers)
    for (const [name, value] of Object.entries(added)) headers.set(name, value)
    return new Response(response.body, { status: response.status, headers })
  }
  const { clientId, clientSecret, tokenEndpoint } = server
  const provider = oauth2Provider({
    id: 'p',
    clientId,
    clientSecret,
    tokenEndpoint,
    budget: { limit: LIMIT, windowMs: WINDOW_MS },
  })
  managers = Array.from({ length: 3 }, () => createTokenManager({ provider, store, fetch: fetchWithMore }))
})

afterEach(async () => {
  await Promise.all(managers.map((manager) => manager.close()))
  await server.close()
})

async function expiredGrants(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, n) => `g${n}`)
  for (const id of ids) await managers[0]?.saveGrant(id, server.issueGrant(), { receivedAtMs: 0 })
  return ids
}

describe('the budget of the token endpoint', () => {
  it('is kept by all managers together while a backlog drains in nearly the ideal time', async () => {
    const ids = await expiredGrants(15)
    const startMs = performance.now()
    // Every manager asks for every grant: only one of them spends for each.
    await Promise.all(managers.flatMap((manager) => ids.map((id) => manager.getAccessToken(id))))
    const tookMs = performance.now() - startMs
    expect(server.ledger.tokenRequests()).toHaveLength(ids.length)
    expect(server.ledger.tokenRequests().every(({ status }) => status === 200)).toBe(true)
    // Sends keep the window; here they arrive as late as this one busy event loop gets to them.
    expect(server.ledger.maxTokenRequestsInAnyWindow(WINDOW_MS - 200)).toBeLessThanOrEqual(LIMIT)
    // One window is the ideal; a busy machine may miss a turn. The ratio of a long backlog is measured in backlog.test.ts.
    expect(tookMs).toBeLessThan(3 * WINDOW_MS)
  })

  it('tells a caller at once that it cannot be served in time, and how long it would take', async () => {
    const ids = await expiredGrants(15)
    const [first, second] = managers as [TokenManager, TokenManager]
    const backlog = ids.slice(0, 14).map((id) => first.getAccessToken(id))
    // The window is full, and four of the backlog wait for the next.
    await vi.waitFor(() => expect(server.ledger.tokenRequests()).toHaveLength(LIMIT), 10_000)
    const startMs = performance.now()
    const late = await second.getAccessToken('g14', { timeoutMs: 1_000 }).catch((thrown: unknown) => thrown)
    expect(late).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) })
    expect(performance.now() - startMs).toBeLessThan(500)
    await Promise.all(backlog)
  })

  it('is respected as a demand for silence by every manager', async () => {
    const ids = await expiredGrants(3)
    server.faults.add({ kind: 'throttled', retryAfterMs: 2_000 })
    const [first, second] = managers as [TokenManager, TokenManager]
    const refused = await first
      .getAccessToken(ids[0] ?? '', { timeoutMs: 300 })
      .catch((thrown: unknown) => thrown)
    expect(refused).toMatchObject({ code: 'RATE_LIMITED' })
    const silencedMs = performance.now()
    await second.getAccessToken(ids[1] ?? '')
    expect(performance.now() - silencedMs).toBeGreaterThan(1_800)
    expect(server.ledger.tokenRequests()).toHaveLength(2)
  })

  it('that others have used up is left alone by every manager until it is open again', async () => {
    const ids = await expiredGrants(2)
    const [first, second] = managers as [TokenManager, TokenManager]
    added = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '2' }
    expect((await first.getAccessToken(ids[0] ?? '')).generation).toBe(2)
    const usedUpMs = performance.now()
    await second.getAccessToken(ids[1] ?? '')
    expect(performance.now() - usedUpMs).toBeGreaterThan(1_800)
    expect(server.ledger.tokenRequests()).toHaveLength(2)
  })
})
