import {
  createTokenManager,
  type EvergrantEvent,
  memoryStore,
  passolution,
  type TokenManager,
} from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type GatedStore, gatedStore } from './gated-store.js'

const redirectUri = 'http://localhost/callback'

let server: AuthorizationServer
let store: GatedStore
let tokens: TokenManager
let events: EvergrantEvent[]

beforeEach(async () => {
  server = await startAuthorizationServer({ preset: 'passolution' })
  const { origin, clientId, clientSecret } = server
  store = gatedStore(memoryStore())
  events = []
  tokens = createTokenManager({
    provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
    store,
    clientCredentials: { own: {} },
    onEvent: (event) => events.push(event),
  })
})

afterEach(async () => {
  store.away = false
  await tokens.close()
  await server.close()
})

/** Does what the user's browser does: follows the URL and comes back with a code. */
async function login() {
  const request = await tokens.authorizationUrl({ redirectUri })
  const response = await fetch(request.url, { redirect: 'manual' })
  return { ...request, callback: response.headers.get('location') ?? '', redirectUri }
}

describe('the authorization code flow', () => {
  it('asks for a code with state and PKCE, and stores what the code brings', async () => {
    const request = await login()
    const url = new URL(request.url)
    expect(url.pathname).toBe('/oauth/authorize')
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      client_id: server.clientId,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: '*',
      state: request.state,
      code_challenge_method: 'S256',
    })
    expect(await tokens.exchangeCode('agency', request)).toMatchObject({ state: 'live', generation: 1 })
    const token = await tokens.getAccessToken('agency')
    const response = await fetch(server.apiUrl, { headers: { authorization: `Bearer ${token.reveal()}` } })
    expect(response.status).toBe(200)
  })

  it('refuses a forged state and another verifier without storing anything', async () => {
    const request = await login()
    await expect(tokens.exchangeCode('agency', { ...request, state: 'forged' })).rejects.toMatchObject({
      code: 'AUTHORIZATION_FAILED',
      reason: 'state_mismatch',
    })
    const other = await tokens.authorizationUrl({ redirectUri })
    const { codeVerifier } = other
    await expect(tokens.exchangeCode('agency', { ...request, codeVerifier })).rejects.toMatchObject({
      code: 'AUTHORIZATION_FAILED',
    })
    expect(await tokens.status('agency')).toBeUndefined()
  })

  it('fails before the code is spent when the store is away', async () => {
    const request = await login()
    store.away = true
    await expect(tokens.exchangeCode('agency', request)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(server.ledger.tokenRequests()).toHaveLength(0)
    store.away = false
    expect((await tokens.exchangeCode('agency', request)).state).toBe('live')
  })

  it('keeps the reply of a code exchange until the store is back', async () => {
    const request = await login()
    const gate = server.gate({ path: 'token', when: 'after' })
    const exchanged = tokens.exchangeCode('agency', request)
    await gate.arrived()
    store.away = true
    const refused = store.hold('save', 'before')
    gate.open()
    await refused.arrived
    refused.open()
    store.away = false
    expect((await exchanged).state).toBe('live')
  })

  it('stores the grant though the caller has left', async () => {
    const request = await login()
    const gate = server.gate({ path: 'token', when: 'after' })
    const abort = new AbortController()
    const exchanged = tokens.exchangeCode('agency', { ...request, signal: abort.signal })
    await gate.arrived()
    abort.abort(new Error('the browser went away'))
    await expect(exchanged).rejects.toThrow('the browser went away')
    gate.open()
    await tokens.close()
    expect((await store.load({ provider: 'passolution', grantId: 'agency' })).record?.state).toBe('live')
  })
})

describe('a client-credentials grant', () => {
  it('is fetched at first use, once for all callers, and again when it expires', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => tokens.getAccessToken('own')))
    expect(new Set(all.map((token) => token.reveal())).size).toBe(1)
    expect(server.ledger.tokenRequests({ grantType: 'client_credentials' })).toHaveLength(1)
    expect(server.ledger.tokenRequests()[0]?.issuedRefreshToken).toBeNull()
    expect(await tokens.status('own')).toMatchObject({ generation: 1, state: 'live' })
  })

  it('repeats a request whose outcome is unknown', async () => {
    server.faults.add({ kind: 'cut', times: 2 })
    expect((await tokens.getAccessToken('own')).generation).toBe(1)
    expect(server.ledger.tokenRequests()).toHaveLength(3)
  })
})

describe('grants', () => {
  it('are listed a page at a time, revoked here and at the provider, and hold no secret', async () => {
    for (const id of ['a', 'b', 'c']) await tokens.saveGrant(id, server.issueGrant())
    const first = await tokens.list({ limit: 2 })
    expect(first.grants.map(({ grantId }) => grantId)).toEqual(['a', 'b'])
    const second = await tokens.list({ limit: 2, ...(first.next !== undefined && { after: first.next }) })
    expect(second).toMatchObject({ grants: [{ grantId: 'c' }] })
    expect(JSON.stringify([first, second])).not.toMatch(/eyJ|def50/)
    expect(await tokens.revoke('b')).toEqual({ removed: true, atProvider: 'unsupported' })
    expect(await tokens.revoke('b')).toEqual({ removed: false, atProvider: 'unsupported' })
    await expect(tokens.getAccessToken('b')).rejects.toMatchObject({ code: 'GRANT_NOT_FOUND' })
  })

  it('refuse a token that cannot be sent as a bearer token, and change nothing', async () => {
    const saved = await tokens.saveGrant('a', server.issueGrant())
    const dpop = { ...server.issueGrant(), token_type: 'DPoP' }
    await expect(tokens.saveGrant('a', dpop)).rejects.toMatchObject({ code: 'INVALID_REPLY' })
    expect(await tokens.status('a')).toMatchObject({ chain: saved.chain })
  })

  it('keep the stored refresh token only when asked', async () => {
    const grant = server.issueGrant()
    await tokens.saveGrant('a', grant)
    const renewed = { access_token: grant.access_token, expires_in: 60 }
    await tokens.saveGrant('a', renewed, { keepRefreshToken: true })
    expect((await tokens.getAccessToken('a', { forceRefresh: true })).generation).toBe(2)
    await tokens.saveGrant('a', renewed, { receivedAtMs: Date.now() - 61_000 })
    const sends = server.ledger.tokenRequests().length
    await expect(tokens.getAccessToken('a')).rejects.toMatchObject({
      code: 'REAUTHORIZATION_REQUIRED',
      reason: 'no_refresh_token',
    })
    expect(server.ledger.tokenRequests()).toHaveLength(sends)
  })

  it.each([
    ['', 'grantId'],
    ['a\nb', 'grantId'],
    ['x'.repeat(256), 'grantId'],
  ])('have ids that every store can hold: %j is refused', async (id, name) => {
    await expect(tokens.getAccessToken(id)).rejects.toThrow(name)
    await expect(tokens.saveGrant(id, { access_token: 'x' })).rejects.toThrow(TypeError)
  })
})

describe('close', () => {
  it('lets a rotation whose token was sent finish, and takes no new calls', async () => {
    await tokens.saveGrant('a', server.issueGrant(), { receivedAtMs: 0 })
    const gate = server.gate({ path: 'token' })
    const waiting = tokens.getAccessToken('a')
    await gate.arrived()
    const closed = tokens.close()
    await expect(tokens.getAccessToken('a')).rejects.toMatchObject({ code: 'CLOSED' })
    gate.open()
    expect((await waiting).generation).toBe(2)
    await closed
    expect((await store.load({ provider: 'passolution', grantId: 'a' })).record?.generation).toBe(2)
  })

  it('names the grants whose successor could not be stored', async () => {
    const { origin, clientId, clientSecret } = server
    const own = gatedStore(memoryStore())
    const manager = createTokenManager({
      provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
      store: own,
      closeTimeoutMs: 300,
    })
    await manager.saveGrant('a', server.issueGrant(), { receivedAtMs: 0 })
    const commit = own.hold('commit', 'before')
    const waiting = manager.getAccessToken('a')
    await commit.arrived
    own.away = true
    commit.open()
    expect((await waiting).generation).toBe(2)
    await expect(manager.close()).rejects.toMatchObject({ code: 'UNCOMMITTED_SUCCESSOR', grantIds: ['a'] })
  })
})
