import {
  createTokenManager,
  type EvergrantEvent,
  isEvergrantError,
  memoryStore,
  oauth2Provider,
  passolution,
  type TokenManager,
} from '@evergrant/core'
import { type AuthorizationServer, type Fault, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { timeLapse } from './time-lapse.js'

/** Backoffs and request timeouts run this much faster than they would. */
const FACTOR = 40

let server: AuthorizationServer
let tokens: TokenManager
let events: EvergrantEvent[]
let clock: ReturnType<typeof timeLapse>

beforeEach(async () => {
  server = await startAuthorizationServer({ preset: 'passolution' })
  clock = timeLapse(FACTOR)
  events = []
  const { origin, clientId, clientSecret } = server
  tokens = createTokenManager({
    provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
    store: memoryStore({ now: clock.now }),
    clock,
    onEvent: (event) => events.push(event),
  })
  await tokens.saveGrant('agency', server.issueGrant(), { receivedAtMs: 0 })
})

afterEach(async () => {
  server.faults.clear()
  await tokens.close()
  await server.close()
})

/** What an application does that takes our errors at their word: waits as told, and asks again. */
async function persist(): Promise<{ outcome: string; codes: string[] }> {
  const codes: string[] = []
  for (let call = 0; call < 8; call++) {
    try {
      const token = await tokens.getAccessToken('agency')
      return { outcome: `generation ${token.generation}`, codes }
    } catch (error) {
      if (!isEvergrantError(error)) throw error
      if (error.code === 'REAUTHORIZATION_REQUIRED') return { outcome: error.code, codes }
      codes.push(error.code)
      const { retryAfterMs = 1_000 } = error
      await new Promise<void>((resolve) => clock.setTimeout(resolve, retryAfterMs))
    }
  }
  return { outcome: 'no token', codes }
}

const nothingConsumed: [string, Fault, string[]?][] = [
  ['500 before consuming', { kind: 'status', status: 500 }],
  ['502 twice before consuming', { kind: 'status', status: 502, times: 2 }],
  ['503 four times before consuming', { kind: 'status', status: 503, times: 4 }],
  ['503 with Retry-After', { kind: 'status', status: 503, retryAfterMs: 2_000 }],
  ['429 without Retry-After', { kind: 'throttled' }],
  ['429 with Retry-After in seconds', { kind: 'throttled', retryAfterMs: 3_000 }],
  ['429 with a Retry-After date', { kind: 'throttled', retryAfterMs: 3_000, retryAfterFormat: 'http-date' }],
  ['429 for longer than callers wait', { kind: 'throttled', retryAfterMs: 45_000 }, ['RATE_LIMITED']],
  ['a 403 page of a firewall', { kind: 'firewall' }],
  ['403 four times', { kind: 'firewall', times: 4 }],
  ['a redirect', { kind: 'redirect' }],
  ['a page with HTTP 200', { kind: 'html', when: 'before' }],
  ['malformed JSON', { kind: 'malformed-json', when: 'before' }],
  ['a connection cut before consuming', { kind: 'cut', when: 'before' }],
  ['silence before consuming', { kind: 'hang', when: 'before' }],
  ['latency', { kind: 'latency', ms: 100 }],
  ['unauthorized_client', { kind: 'unauthorized-client' }],
  ['bad_refresh_token of another provider', { kind: 'refused-with-200' }],
  ['invalid_client', { kind: 'invalid-client' }, ['CLIENT_REJECTED']],
  ['invalid_client three times', { kind: 'invalid-client', times: 3 }, ['CLIENT_REJECTED']],
  ['temporarily_unavailable', { kind: 'error', error: 'temporarily_unavailable', status: 503 }],
  ['invalid_request for a missing parameter', { kind: 'error', error: 'invalid_request', status: 400 }],
  ['an endless body without tokens', { kind: 'endless', tokens: 'nowhere', when: 'before' }],
  ['10 MB without tokens', { kind: 'oversized', tokens: 'nowhere', when: 'before' }],
]

const consumedAndSalvaged: [string, Fault][] = [
  ['latency after consuming', { kind: 'latency', ms: 100, when: 'after' }],
  ['10 MB with the tokens at the start', { kind: 'oversized', tokens: 'start' }],
  ['an endless body with the tokens at the start', { kind: 'endless', tokens: 'start' }],
  ['a reply without access_token', { kind: 'missing-access-token' }],
  ['expires_in missing', { kind: 'reply-fields', fields: { expires_in: null } }],
  ['expires_in as text', { kind: 'reply-fields', fields: { expires_in: '3600' } }],
  ['expires_in negative', { kind: 'reply-fields', fields: { expires_in: -60 } }],
  ['expires_in huge', { kind: 'reply-fields', fields: { expires_in: 99_999_999_999 } }],
  ['a strange token_type', { kind: 'reply-fields', fields: { token_type: 'mac' } }],
]

const consumedAndLost: [string, Fault][] = [
  ['a cut before the reply', { kind: 'cut' }],
  ['a cut in the body', { kind: 'cut', at: 'in-body' }],
  ['500 after consuming', { kind: 'status', status: 500, when: 'after' }],
  ['503 after consuming', { kind: 'status', status: 503, when: 'after' }],
  ['malformed JSON', { kind: 'malformed-json' }],
  ['truncated JSON', { kind: 'truncated-json' }],
  ['a page with HTTP 200', { kind: 'html' }],
  ['silence', { kind: 'hang' }],
  ['an endless body without tokens', { kind: 'endless', tokens: 'nowhere' }],
]

describe('faults of the token endpoint', () => {
  it.each(nothingConsumed)('that consumed nothing end with a live grant: %s', async (_, fault, codes) => {
    server.faults.add(fault)
    const result = await persist()
    expect(result.outcome).toBe('generation 2')
    if (codes) expect(new Set(result.codes)).toEqual(new Set(codes))
    expect((await tokens.status('agency'))?.state).toBe('live')
    expect(events.some(({ type }) => type === 'grant.reauthorization_required')).toBe(false)
    expect(server.ledger.doubleSpends()).toHaveLength(0)
  })

  it.each(consumedAndSalvaged)('that leave the successor readable end with it: %s', async (_, fault) => {
    server.faults.add(fault)
    const { outcome } = await persist()
    expect(outcome).toMatch(/^generation [23]$/)
    expect(server.ledger.doubleSpends()).toHaveLength(0)
    const token = await tokens.getAccessToken('agency')
    const response = await fetch(server.apiUrl, { headers: { authorization: `Bearer ${token.reveal()}` } })
    expect(response.status).toBe(200)
  })

  it('a reply that comes byte by byte is read to its end', async () => {
    const { origin, clientId, clientSecret } = server
    const manager = createTokenManager({
      provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
      store: memoryStore(),
    })
    await manager.saveGrant('slow', server.issueGrant(), { receivedAtMs: 0 })
    server.faults.add({ kind: 'slow-bytes', everyMs: 1 })
    expect((await manager.getAccessToken('slow')).generation).toBe(2)
    await manager.close()
  })

  it.each(consumedAndLost)(
    'that lost the successor are told within 3 sends and 30 s: %s',
    async (_, fault) => {
      server.faults.add(fault)
      const startMs = clock.now()
      const { outcome, codes } = await persist()
      expect(outcome).toBe('REAUTHORIZATION_REQUIRED')
      expect(clock.now() - startMs).toBeLessThan(30_000)
      expect(codes).toEqual([])
      expect(server.ledger.tokenRequests().length).toBeLessThanOrEqual(3)
      expect((await tokens.status('agency'))?.state).toBe('dead')
    },
  )

  it('a dead grant says so at once, without another request, until the user authorizes again', async () => {
    server.revokeFamily(server.familyOf(server.issueGrant().refresh_token) ?? '')
    server.faults.add({ kind: 'cut' })
    await persist()
    const sends = server.ledger.tokenRequests().length
    for (let call = 0; call < 5; call++) {
      await expect(tokens.getAccessToken('agency')).rejects.toMatchObject({
        code: 'REAUTHORIZATION_REQUIRED',
      })
    }
    expect(server.ledger.tokenRequests()).toHaveLength(sends)
    await tokens.saveGrant('agency', server.issueGrant())
    expect((await tokens.getAccessToken('agency')).generation).toBe(1)
  })

  it('invalid_client pauses the client and marks no grant dead', async () => {
    server.setClientSecret('rotated-elsewhere')
    const { origin, clientId, clientSecret } = server
    // In real time: the first pause lasts seconds, and must not end while this test looks.
    const manager = createTokenManager({
      provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
      store: memoryStore(),
    })
    const ids = ['a', 'b', 'c', 'd', 'e']
    for (const id of ids) await manager.saveGrant(id, server.issueGrant(), { receivedAtMs: 0 })
    const results = await Promise.allSettled(ids.map((id) => manager.getAccessToken(id)))
    for (const result of results) expect(result).toMatchObject({ reason: { code: 'CLIENT_REJECTED' } })
    expect(server.ledger.tokenRequests().length).toBeLessThanOrEqual(ids.length)
    const sends = server.ledger.tokenRequests().length
    await Promise.allSettled(ids.map((id) => manager.getAccessToken(id)))
    expect(server.ledger.tokenRequests()).toHaveLength(sends)
    expect((await manager.list()).grants.every(({ state }) => state === 'live')).toBe(true)
    await manager.close()
  })
})

describe('refusals as other providers write them', () => {
  const shapes = [
    ['github', 'ok-bad-refresh-token', { error: 'bad_refresh_token' }],
    ['atlassian', 'unauthorized-client', { error: 'unauthorized_client', status: 403 }],
    ['passport 9', 'passport-9', undefined],
  ] as const
  it.each(shapes)('%s: the grant is dead after one request', async (_, refusal, shape) => {
    server.configure({ refusal })
    const { tokenEndpoint, clientId, clientSecret } = server
    const manager = createTokenManager({
      provider: oauth2Provider({
        id: 'other',
        clientId,
        clientSecret,
        clientAuthentication: 'client_secret_post',
        tokenEndpoint,
        ...(shape && { refusals: [shape] }),
      }),
      store: memoryStore({ now: clock.now }),
      clock,
    })
    const grant = server.issueGrant()
    await manager.saveGrant('g', grant, { receivedAtMs: 0 })
    server.revokeFamily(grant.refresh_token)
    await expect(manager.getAccessToken('g')).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' })
    expect(server.ledger.tokenRequests()).toHaveLength(1)
    await manager.close()
  })
})
