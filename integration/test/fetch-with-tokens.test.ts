import {
  createTokenManager,
  fetchWithTokens,
  memoryStore,
  passolution,
  type TokenManager,
} from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let server: AuthorizationServer
let tokens: TokenManager
let api: typeof fetch

beforeEach(async () => {
  server = await startAuthorizationServer({ preset: 'passolution' })
  const { origin, clientId, clientSecret } = server
  tokens = createTokenManager({
    provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
    store: memoryStore(),
  })
  await tokens.saveGrant('agency', server.issueGrant())
  api = fetchWithTokens({ tokens, grantId: 'agency' })
})

afterEach(async () => {
  await tokens.close()
  await server.close()
})

/** The API rejects the stored token from now on. */
function revoke(): void {
  server.expireAccessTokens()
}

describe('fetchWithTokens', () => {
  it('sends the token along', async () => {
    expect((await api(server.apiUrl)).status).toBe(200)
  })

  const json = JSON.stringify({ from: 'DE', to: 'KE', text: 'Grüße' })
  const headers = { 'content-type': 'application/json' }
  const bodies: [string, () => Parameters<typeof fetch>][] = [
    ['text', () => [server.apiUrl, { method: 'POST', body: json, headers }]],
    ['bytes', () => [server.apiUrl, { method: 'POST', body: new TextEncoder().encode(json), headers }]],
    ['a Blob', () => [server.apiUrl, { method: 'POST', body: new Blob([json]), headers }]],
    ['the body of a Request', () => [new Request(server.apiUrl, { method: 'POST', body: json, headers })]],
  ]
  it.each(bodies)('replays %s identically after a 401', async (_, request) => {
    revoke()
    const response = await api(...request())
    expect(response.status).toBe(200)
    expect(JSON.stringify(await response.json())).toContain('Grüße')
    expect(server.ledger.apiRequests().map(({ status }) => status)).toEqual([401, 200])
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('fails clearly instead of sending a spent stream empty', async () => {
    revoke()
    const body = new Blob([json]).stream()
    const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit
    await expect(api(server.apiUrl, init)).rejects.toMatchObject({ code: 'BODY_NOT_REPLAYABLE' })
    expect(server.ledger.apiRequests()).toHaveLength(1)
    expect((await api(server.apiUrl)).status).toBe(200)
  })

  it('lets a second 401 stand and does not burn another token', async () => {
    server.faults.add({ kind: 'unauthenticated', path: 'api', times: 20 })
    for (let call = 0; call < 5; call++) {
      const response = await api(server.apiUrl)
      expect(response.status).toBe(401)
      expect(await response.json()).toEqual({ message: 'Unauthenticated.' })
    }
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('sends no token to another origin', async () => {
    const stranger = await startAuthorizationServer()
    try {
      expect((await api(stranger.apiUrl)).status).toBe(401)
      expect(stranger.ledger.apiRequests()[0]?.presented).toBeNull()
    } finally {
      await stranger.close()
    }
  })

  it('leaves a request with its own authorization header alone', async () => {
    expect((await api(server.apiUrl, { headers: { authorization: 'Bearer other' } })).status).toBe(401)
    expect(server.ledger.tokenRequests()).toHaveLength(0)
  })

  it("rejects with the signal's reason while it waits, and the rotation goes on", async () => {
    await tokens.saveGrant('agency', server.issueGrant(), { receivedAtMs: 0 })
    const gate = server.gate({ path: 'token' })
    const abort = new AbortController()
    const call = api(server.apiUrl, { signal: abort.signal })
    await gate.arrived()
    abort.abort(new Error('left'))
    await expect(call).rejects.toThrow('left')
    gate.open()
    expect((await api(server.apiUrl)).status).toBe(200)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })
})
