/** P7: nothing that a manager gives, throws or reports prints a token or a secret. */
import { inspect } from 'node:util'
import {
  createTokenManager,
  type EvergrantEvent,
  fetchWithTokens,
  memoryStore,
  oauth2Provider,
  type TokenManager,
} from '@evergrant/core'
import { type AuthorizationServer, type Fault, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type GatedStore, gatedStore } from './gated-store.js'
import { timeLapse } from './time-lapse.js'

const clientSecret = 'canary-client-secret'

let server: AuthorizationServer
let store: GatedStore
let tokens: TokenManager
let events: EvergrantEvent[]
let secrets: string[]

beforeEach(async () => {
  server = await startAuthorizationServer({
    preset: 'passolution',
    clients: [{ clientId: 'c', clientSecret }],
  })
  const clock = timeLapse(40)
  store = gatedStore(memoryStore({ now: clock.now }))
  events = []
  const { tokenEndpoint, origin } = server
  tokens = createTokenManager({
    provider: oauth2Provider({
      id: 'p',
      clientId: 'c',
      clientSecret,
      tokenEndpoint,
      reuse: 'refused',
      apiOrigins: [origin],
      revocationEndpoint: server.revocationEndpoint,
    }),
    store,
    clock,
    timeoutMs: 20_000,
    timings: { minRotationIntervalMs: 0 },
    onEvent: (event) => events.push(event),
  })
  const grant = server.issueGrant()
  secrets = [clientSecret, grant.access_token, grant.refresh_token]
  await tokens.saveGrant('g', grant, { receivedAtMs: 0 })
})

afterEach(async () => {
  store.away = false
  server.faults.clear()
  await tokens.close().catch(() => {})
  await server.close()
})

/** Every way in which an application may print a value. */
function prints(value: unknown): string {
  const options = { depth: 10, showHidden: true, getters: true } as const
  const texts = [inspect(value, options), inspect(value), String(value), JSON.stringify(value)]
  if (typeof value === 'object' && value !== null) texts.push(JSON.stringify({ ...value }))
  return texts.join('\n')
}

function expectSilent(...values: unknown[]): void {
  const text = values.map(prints).join('\n')
  for (const secret of secrets) {
    for (const form of [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)]) {
      expect(text.includes(form)).toBe(false)
    }
  }
}

it('the check itself sees a leak', () => {
  const leak = Object.assign(new Error('x'), { cause: { deep: { token: secrets[1] } } })
  expect(() => expectSilent(leak)).toThrow()
})

it('the manager, its provider facts, its tokens and its grants', async () => {
  const token = await tokens.getAccessToken('g')
  secrets.push(token.reveal())
  expect(String(token)).toMatch(/^\[AccessToken gen 2, expires /)
  expectSilent(tokens, token, [token], await tokens.status('g'), await tokens.list(), store, events)
  expectSilent(fetchWithTokens({ tokens, grantId: 'g' }), await tokens.revoke('g'))
})

const faults: Fault[] = [
  { kind: 'cut' },
  { kind: 'status', status: 500, times: 3 },
  { kind: 'throttled', retryAfterMs: 100_000 },
  { kind: 'firewall', times: 5 },
  { kind: 'invalid-client' },
  { kind: 'redirect', times: 5 },
  { kind: 'malformed-json' },
  { kind: 'hang', times: 5 },
  { kind: 'error', error: 'invalid_grant' },
  { kind: 'error', error: 'canary', description: clientSecret, times: 5 },
  { kind: 'error', error: clientSecret, times: 5 },
]
it.each(faults)('errors and events after the fault $kind', async (fault) => {
  server.faults.add(fault)
  const error = await tokens.getAccessToken('g', { forceRefresh: true }).catch((thrown: unknown) => thrown)
  expectSilent(error, (error as Error).stack, events)
})

it('errors of a store whose driver quotes its parameters', async () => {
  const hold = store.hold('acquire', 'before')
  const waiting = tokens.getAccessToken('g').catch((thrown: unknown) => thrown)
  await hold.arrived
  store.away = true
  hold.open()
  expectSilent(await waiting, events)
  const quoting = createTokenManager({
    provider: oauth2Provider({ id: 'p', clientId: 'c', clientSecret, tokenEndpoint: server.tokenEndpoint }),
    store: {
      ...memoryStore(),
      save: (request) => Promise.reject(Object.assign(new Error(`insert ${request.secret}`), { request })),
    },
  })
  const error = await quoting
    .saveGrant('g', { access_token: secrets[1], refresh_token: secrets[2] })
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
  expectSilent(error)
})

it('mistakes in the arguments', async () => {
  const calls = [
    () => tokens.saveGrant('g\n', { access_token: secrets[1] }),
    () => tokens.saveGrant('g', { access_token: secrets[1], token_type: 'mac' }),
    () =>
      tokens.exchangeCode('g', {
        callback: `?code=${secrets[2]}&state=a`,
        state: 'b',
        codeVerifier: 'v',
        redirectUri: 'https://x',
      }),
  ]
  for (const call of calls) {
    const error = await call().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expectSilent(error)
  }
})
