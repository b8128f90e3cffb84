import { createTokenManager, memoryStore, passolution, type TokenManager } from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

let server: AuthorizationServer
let tokens: TokenManager

beforeEach(async () => {
  server = await startAuthorizationServer({ preset: 'passolution' })
  const { origin, clientId, clientSecret } = server
  tokens = createTokenManager({
    provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
    store: memoryStore(),
  })
})

afterEach(async () => {
  await tokens.close()
  await server.close()
})

async function callApi(): Promise<{ status: number; replays: number }> {
  const token = await tokens.getAccessToken('agency')
  const get = (value: string) => fetch(server.apiUrl, { headers: { authorization: `Bearer ${value}` } })
  const first = await get(token.reveal())
  await first.text()
  if (first.status !== 401) return { status: first.status, replays: 0 }
  const next = await tokens.reportRejected(token)
  if (!next) return { status: 401, replays: 0 }
  const second = await get(next.reveal())
  await second.text()
  return { status: second.status, replays: 1 }
}

describe('one process, the emulated Passolution', () => {
  it('hands out the stored token without a token request', async () => {
    await tokens.saveGrant('agency', server.issueGrant())
    expect(await callApi()).toEqual({ status: 200, replays: 0 })
    expect(server.ledger.tokenRequests()).toHaveLength(0)
  })

  it('spends one token request for 1,000 concurrent calls with an expired token', async () => {
    await tokens.saveGrant('agency', server.issueGrant(), { receivedAtMs: Date.now() - 400 * 86_400_000 })
    const results = await Promise.all(Array.from({ length: 1000 }, callApi))
    expect(results.every(({ status }) => status === 200)).toBe(true)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('rotates once and replays each call at most once when the token was revoked early', async () => {
    const grant = server.issueGrant()
    await tokens.saveGrant('agency', grant)
    server.revokeAccessToken(grant.access_token)
    const results = await Promise.all(Array.from({ length: 200 }, callApi))
    expect(results.every(({ status, replays }) => status === 200 && replays <= 1)).toBe(true)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('does not rotate for 401s that arrive late with the token before', async () => {
    await tokens.saveGrant('agency', server.issueGrant())
    const old = await tokens.getAccessToken('agency')
    const fresh = await tokens.getAccessToken('agency', { forceRefresh: true })
    expect(fresh.generation).toBe(2)
    const replacement = await tokens.reportRejected(old)
    expect(replacement?.generation).toBe(2)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })
})
