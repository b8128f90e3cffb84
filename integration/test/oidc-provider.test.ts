import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type AccessToken,
  createTokenManager,
  type ExchangeCodeOptions,
  memoryStore,
  type TokenManager,
  type TokenStore,
} from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createClients, factsOf, type RegisteredClient } from './oidc-provider/clients.js'
import { type MovableTime, movableTime } from './oidc-provider/movable-time.js'
import { refreshByHand } from './oidc-provider/refresh-by-hand.js'
import type { TokenRequest } from './oidc-provider/request-log.js'
import { type ScriptedUser, visit } from './oidc-provider/scripted-browser.js'
import { ACCESS_TOKEN_LIFE_MS, type OidcServer, startOidcServer } from './oidc-provider/start-oidc-server.js'

const alice: ScriptedUser = { login: 'alice', consent: 'allow' }

const clients = await createClients()
let time: MovableTime
let server: OidcServer
const closing: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  time = movableTime()
  server = await startOidcServer(Object.values(clients))
})

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

afterAll(async () => {
  await server.close()
  time.restore()
})

function managerFor(client: RegisteredClient, store: TokenStore = storeInMemory()): TokenManager {
  const provider = factsOf(server.issuer, client)
  const timings = { minRotationIntervalMs: 0 }
  const tokens = createTokenManager({ provider, store, timings, clock: time.clock })
  closing.push(() => tokens.close())
  return tokens
}

function storeInMemory(): TokenStore {
  return memoryStore({ now: time.clock.now })
}

/** Two processes' view of one file. */
async function storesOnOneFile(): Promise<[TokenStore, TokenStore]> {
  const folder = await mkdtemp(join(tmpdir(), 'evergrant-oidc-'))
  closing.push(() => rm(folder, { recursive: true }))
  const open = (): TokenStore => {
    const store = sqliteStore({ path: join(folder, 'tokens.db'), now: time.clock.now })
    closing.push(() => store.close())
    return store
  }
  return [open(), open()]
}

/** The user logs in and consents, or does not. */
async function authorize(tokens: TokenManager, user = alice): Promise<ExchangeCodeOptions> {
  const { redirectUri } = server
  // Without it the server leaves out offline_access (OpenID Connect Core, section 11).
  const parameters = { prompt: 'consent' }
  const { url, state, codeVerifier } = await tokens.authorizationUrl({ redirectUri, parameters })
  return { callback: await visit(url, redirectUri, user), state, codeVerifier, redirectUri }
}

async function connect(tokens: TokenManager, grantId: string): Promise<void> {
  await tokens.exchangeCode(grantId, await authorize(tokens))
}

/** Runs it and resolves with the requests that the token endpoint got meanwhile. */
async function tokenRequestsDuring(run: () => Promise<unknown>): Promise<readonly TokenRequest[]> {
  const before = server.log.tokenRequests.length
  await run()
  return server.log.tokenRequests.slice(before)
}

const rotate = (tokens: TokenManager, grantId: string): Promise<AccessToken> =>
  tokens.getAccessToken(grantId, { forceRefresh: true })

const userinfo = (token: AccessToken): Promise<number> => server.userinfo(token.reveal())

describe('the certified oidc-provider', () => {
  it.each(Object.values(clients))(
    'serves login, use and five rotations of a client with $name',
    async (client) => {
      const tokens = managerFor(client)
      const requests = await tokenRequestsDuring(async () => {
        await connect(tokens, 'alice')
        const seen = new Set<string>()
        for (let generation = 1; generation <= 6; generation++) {
          const token = await (generation === 1 ? tokens.getAccessToken('alice') : rotate(tokens, 'alice'))
          expect(token.generation).toBe(generation)
          expect(await userinfo(token)).toBe(200)
          seen.add(token.reveal())
        }
        expect(seen.size).toBe(6)
      })
      const { client_id: clientId } = client.registration
      expect(requests.map(({ grantType }) => grantType)).toEqual([
        'authorization_code',
        ...Array(5).fill('refresh_token'),
      ])
      expect(requests.every((request) => request.status === 200 && request.clientId === clientId)).toBe(true)
      // Each link was spent for the next.
      expect(requests.slice(1).map(({ spent }) => spent)).toEqual(
        requests.slice(0, -1).map(({ issued }) => issued),
      )
    },
  )

  it('gets one refresh for 50 callers who arrive together when the token has expired', async () => {
    const tokens = managerFor(clients.post)
    await connect(tokens, 'alice')
    const first = await tokens.getAccessToken('alice')
    time.advance(ACCESS_TOKEN_LIFE_MS + 1_000)
    expect(await userinfo(first)).toBe(401)

    const handedOut: AccessToken[] = []
    const requests = await tokenRequestsDuring(async () => {
      const callers = Array.from({ length: 50 }, () => tokens.getAccessToken('alice'))
      handedOut.push(...(await Promise.all(callers)))
    })
    expect(requests).toMatchObject([{ grantType: 'refresh_token', status: 200 }])
    expect(new Set(handedOut.map((token) => token.reveal())).size).toBe(1)
    expect(handedOut[0]?.generation).toBe(2)
    expect(await userinfo(handedOut[0]!)).toBe(200)
  })

  describe.each([
    { stores: 'one memory store', open: async () => Array<TokenStore>(2).fill(storeInMemory()) },
    { stores: 'one SQLite file', open: storesOnOneFile },
  ])('with two managers on $stores', ({ open }) => {
    let managers: TokenManager[]

    beforeEach(async () => {
      managers = (await open()).map((store) => managerFor(clients.basic, store))
      await connect(managers[0]!, 'alice')
    })

    const askAll = (callers: number, options = {}): Promise<AccessToken[]> =>
      Promise.all(
        managers.flatMap((tokens) =>
          Array.from({ length: callers }, () => tokens.getAccessToken('alice', options)),
        ),
      )

    it('gets one refresh at each expiry', async () => {
      for (let round = 1; round <= 5; round++) {
        time.advance(ACCESS_TOKEN_LIFE_MS + 1_000)
        const handedOut: AccessToken[] = []
        const requests = await tokenRequestsDuring(async () => handedOut.push(...(await askAll(25))))
        expect(requests).toHaveLength(1)
        expect(new Set(handedOut.map((token) => token.reveal())).size).toBe(1)
        expect(handedOut[0]?.generation).toBe(round + 1)
        expect(await userinfo(handedOut[0]!)).toBe(200)
      }
    })

    it('gets no refresh token twice when both are forced to rotate at once', async () => {
      const rounds = 10
      const requests = await tokenRequestsDuring(async () => {
        for (let round = 1; round <= rounds; round++) {
          for (const token of await askAll(5, { forceRefresh: true })) expect(await userinfo(token)).toBe(200)
        }
      })
      expect(requests.length).toBeGreaterThanOrEqual(rounds)
      expect(requests.every(({ status }) => status === 200)).toBe(true)
      // Every refresh became a link of the chain: none was wasted.
      const { generation } = (await managers[1]!.status('alice'))!
      expect(generation).toBe(1 + requests.length)
    })
  })

  it('is told by revoke() that the refresh token is not to be used any more', async () => {
    const tokens = managerFor(clients.post)
    const [exchange] = await tokenRequestsDuring(() => connect(tokens, 'alice'))
    const token = await tokens.getAccessToken('alice')
    const before = server.log.revocations.length

    expect(await tokens.revoke('alice')).toEqual({ removed: true, atProvider: 'revoked' })
    expect(server.log.revocations.slice(before)).toEqual([{ byHand: false, cause: 'revocation endpoint' }])
    expect(await userinfo(token)).toBe(401)
    expect(await refreshByHand(server.issuer, clients.post, exchange!.issued!)).toEqual({
      status: 400,
      error: 'invalid_grant',
    })
    await expect(tokens.getAccessToken('alice')).rejects.toMatchObject({ code: 'GRANT_NOT_FOUND' })
  })

  it('revokes the whole grant when somebody else presents a spent refresh token', async () => {
    const tokens = managerFor(clients.post)
    const [exchange] = await tokenRequestsDuring(() => connect(tokens, 'alice'))
    const token = await rotate(tokens, 'alice')
    expect(await userinfo(token)).toBe(200)
    const before = server.log.revocations.length

    const refused = await refreshByHand(server.issuer, clients.post, exchange!.issued!)
    expect(refused).toEqual({ status: 400, error: 'invalid_grant' })
    expect(server.log.revocations.slice(before)).toEqual([{ byHand: true, cause: 'refresh token reuse' }])
    expect(await userinfo(token)).toBe(401)

    const dead = { code: 'REAUTHORIZATION_REQUIRED', reason: 'invalid_grant', grantId: 'alice' }
    await expect(rotate(tokens, 'alice')).rejects.toMatchObject(dead)
    expect(await tokens.status('alice')).toMatchObject({ state: 'dead', reason: 'invalid_grant' })
    const later = await tokenRequestsDuring(() =>
      expect(tokens.getAccessToken('alice')).rejects.toMatchObject(dead),
    )
    expect(later).toEqual([])

    await connect(tokens, 'alice')
    expect(await userinfo(await rotate(tokens, 'alice'))).toBe(200)
  })

  it('is not asked for tokens when the callback has a foreign state or issuer', async () => {
    const tokens = managerFor(clients.publicClient)
    const exchange = await authorize(tokens)
    const otherIssuer = new URL(exchange.callback as string)
    otherIssuer.searchParams.set('iss', 'https://attacker.example')
    const requests = await tokenRequestsDuring(async () => {
      await expect(tokens.exchangeCode('alice', { ...exchange, state: 'forged' })).rejects.toMatchObject({
        code: 'AUTHORIZATION_FAILED',
        reason: 'state_mismatch',
      })
      await expect(
        tokens.exchangeCode('alice', { ...exchange, callback: otherIssuer }),
      ).rejects.toMatchObject({
        code: 'AUTHORIZATION_FAILED',
        reason: 'invalid_callback',
      })
    })
    expect(requests).toEqual([])
    expect(await tokens.status('alice')).toBeUndefined()
    // The code is unspent: its own session can still use it.
    expect(await tokens.exchangeCode('alice', exchange)).toMatchObject({ state: 'live', generation: 1 })
  })

  it('is not asked for tokens when the user denied consent', async () => {
    const tokens = managerFor(clients.publicClient)
    const requests = await tokenRequestsDuring(async () => {
      const exchange = await authorize(tokens, { login: 'bob', consent: 'deny' })
      await expect(tokens.exchangeCode('bob', exchange)).rejects.toMatchObject({
        code: 'AUTHORIZATION_FAILED',
        reason: 'access_denied',
      })
    })
    expect(requests).toEqual([])
    expect(await tokens.status('bob')).toBeUndefined()
  })

  it('refuses a code verifier of another login', async () => {
    const tokens = managerFor(clients.publicClient)
    const [exchange, other] = [await authorize(tokens), await authorize(tokens)]
    const mixed = { ...exchange, codeVerifier: other.codeVerifier }
    await expect(tokens.exchangeCode('alice', mixed)).rejects.toMatchObject({
      code: 'AUTHORIZATION_FAILED',
      reason: 'invalid_grant',
    })
  })

  it('refuses a replayed code and revokes what came of it', async () => {
    const tokens = managerFor(clients.post)
    const exchange = await authorize(tokens)
    await tokens.exchangeCode('alice', exchange)
    const token = await tokens.getAccessToken('alice')
    const before = server.log.revocations.length

    await expect(tokens.exchangeCode('alice', exchange)).rejects.toMatchObject({
      code: 'AUTHORIZATION_FAILED',
      reason: 'invalid_grant',
    })
    expect(server.log.revocations.slice(before)).toEqual([{ byHand: false, cause: 'code reuse' }])
    expect(await userinfo(token)).toBe(401)
    // The refused exchange changes nothing here; the refused refresh does.
    expect(await tokens.status('alice')).toMatchObject({ state: 'live', generation: 1 })
    await expect(rotate(tokens, 'alice')).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' })
  })

  // Last: over all that the tests of this file did.
  it('has never seen Evergrant present a spent refresh token', () => {
    const { revocations, tokenRequests, serverErrors } = server.log
    const ours = revocations.filter(({ byHand }) => !byHand)
    expect(ours.filter(({ cause }) => cause === 'refresh token reuse')).toEqual([])

    const spent = tokenRequests.flatMap((request) =>
      request.byHand || !request.spent ? [] : [request.spent],
    )
    expect(new Set(spent).size).toBe(spent.length)
    expect(spent.length).toBeGreaterThan(50)
    expect(serverErrors).toEqual([])
  })
})
