/** fetchWithTokens: bodies that can be sent once, redirects to elsewhere, replies that nobody reads. */
import { fetchWithTokens, memoryStore } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
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
