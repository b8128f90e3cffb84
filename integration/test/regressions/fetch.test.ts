/** fetchWithTokens: bodies that can be sent once, redirects to elsewhere, replies that nobody reads. */
import { inspect } from 'node:util'
import { fetchWithTokens, memoryStore } from '@evergrant/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openServer } from './plain-server.js'
import { openFleet, openManager } from './scene.js'

async function* pieces(): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode('order 1')
}

/** Runtimes take iterators, which need `duplex`: neither is in the DOM's types. */
const post = (body: unknown): RequestInit => ({ method: 'POST', body, duplex: 'half' }) as RequestInit

describe('a request that the API refused', () => {
  // Only a ReadableStream was known to be readable once: an iterator was sent again, empty.
  it('is not sent again with an iterator that is used up', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const api = await openServer(({ count }) => ({ status: count === 1 ? 401 : 200 }))
    const { tokens } = fleet.member()
    await tokens.saveGrant('g', fleet.server.issueGrant())
    const call = fetchWithTokens({ tokens, grantId: 'g' })
    const refused = call(`${api.origin}/orders`, post(pieces()))
    await expect(refused).rejects.toMatchObject({ code: 'BODY_NOT_REPLAYABLE', grantId: 'g' })
    // Whoever sends it anew has the new token.
    expect((await call(`${api.origin}/orders`, post(pieces()))).status).toBe(200)
    expect(api.bodies).toEqual(['order 1', 'order 1'])
    expect(fleet.server.ledger.rotations()).toHaveLength(1)
  })
})

describe('a fetch of the application', () => {
  const grant = { access_token: 'canary-token', refresh_token: 'r', expires_in: 3_600 }

  /** What a request with the token gives to the `fetch` that is passed, or else to the runtime's. */
  async function given(pass: (spy: typeof fetch) => typeof fetch | undefined): Promise<RequestInit> {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const { tokens } = fleet.member()
    await tokens.saveGrant('g', grant)
    const spy = vi.fn<typeof fetch>(async () => new Response('ok'))
    const own = pass(spy)
    await fetchWithTokens({ tokens, grantId: 'g', ...(own && { fetch: own }) })('http://localhost/orders')
    const init = spy.mock.calls[0]?.[1]
    expect(init).toBeDefined()
    return init ?? {}
  }

  it('may add a header of its own to those that it gets', async () => {
    const { headers } = await given((spy) => spy)
    ;(headers as Headers).set('x-trace', '1')
    expect((headers as Headers).get('authorization')).toBe('Bearer canary-token')
  })

  // Instrumentation that replaces the runtime's, and logs.
  it('that takes the place of the runtime\u2019s prints no token', async () => {
    const init = await given((spy) => {
      vi.stubGlobal('fetch', spy)
      onTestFinished(() => void vi.unstubAllGlobals())
      return undefined
    })
    expect(JSON.stringify(init) + inspect(init, { depth: 9 })).not.toContain('canary-token')
    expect(new Headers(init.headers).get('authorization')).toBe('Bearer canary-token')
  })
})

describe('what wraps the runtime\u2019s fetch', () => {
  // Tracing writes into the headers that it is given: they are those of one request.
  it('may add to the headers of one request without the next one having them', async () => {
    const seen: string[][] = []
    vi.stubGlobal('fetch', async (_input: unknown, init?: RequestInit) => {
      const headers = init?.headers as Record<string, string>
      seen.push(Object.keys(headers))
      headers.traceparent = 'one'
      return new Response('ok')
    })
    onTestFinished(() => void vi.unstubAllGlobals())
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const { tokens } = fleet.member()
    await tokens.saveGrant('g', { access_token: 'a', refresh_token: 'r', expires_in: 3_600 })
    const call = fetchWithTokens({ tokens, grantId: 'g' })
    for (const path of ['1', '2']) await call(`http://localhost/${path}`)
    expect(seen).toEqual([['authorization'], ['authorization']])
  })
})

describe('a 401', () => {
  // It was taken for the API's word about a token that it never saw.
  it('of another origin, to which no token went, costs no rotation', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const other = await openServer(() => ({ status: 401 }))
    const location = `${other.origin}/login`
    const api = await openServer(() => ({ status: 302, headers: { location } }))
    const provider = { ...fleet.facts, apiOrigins: [api.origin] }
    const tokens = openManager({ provider, store: memoryStore() })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    const response = await fetchWithTokens({ tokens, grantId: 'g' })(`${api.origin}/x`)
    expect(response).toMatchObject({ status: 401, redirected: true })
    await tokens.close()
    expect(fleet.server.ledger.tokenRequests()).toHaveLength(0)
  })

  // Both origins are the provider's, but fetch takes no token from one to the other.
  it('of another origin of the same API, to which no token went, costs no rotation', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const other = await openServer(() => ({ status: 401 }))
    const location = `${other.origin}/v2`
    const api = await openServer(() => ({ status: 307, headers: { location } }))
    const provider = { ...fleet.facts, apiOrigins: [api.origin, other.origin] }
    const tokens = openManager({ provider, store: memoryStore() })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    const send = fetchWithTokens({ tokens, grantId: 'g' })
    expect((await send(`${api.origin}/x`)).status).toBe(401)
    expect(fleet.server.ledger.tokenRequests()).toHaveLength(0)
  })

  // Its connection was left open.
  it('does not stay unread when the report of it fails', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    let cancelled = false
    const body = new ReadableStream({
      cancel() {
        cancelled = true
      },
    })
    const { tokens } = fleet.member()
    await tokens.saveGrant('g', fleet.server.issueGrant())
    fleet.server.faults.add({ kind: 'error', error: 'invalid_grant' })
    const fetch = async (): Promise<Response> => new Response(body, { status: 401 })
    const call = fetchWithTokens({ tokens, grantId: 'g', fetch })
    await expect(call('http://127.0.0.1/x')).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' })
    expect(cancelled).toBe(true)
  })
})
