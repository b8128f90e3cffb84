/** Nothing that a server answers, and nothing that one process runs into, makes a storm of requests. */
import { type AccessToken, type EvergrantEvent, isEvergrantError } from '@evergrant/core'
import type { Fault } from '@evergrant/testing'
import { describe, expect, it, vi } from 'vitest'
import { shortTimings } from '../small-fleet.js'
import { openFleet, openManager, sleep } from './scene.js'
import { anHour, outcomeOf, status, stillScene } from './still-scene.js'

const dayMs = 24 * 3_600_000
const forced = { forceRefresh: true }

describe('a server that asks for a pause', () => {
  // Zero was taken at its word: the next request followed at once, and the next.
  it('of no time at all is not stormed', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const { tokens } = fleet.member()
    await tokens.saveGrant('g', fleet.server.issueGrant())
    fleet.server.faults.add({ kind: 'throttled', retryAfterMs: 0, times: 1_000_000 })
    const rotated = tokens.getAccessToken('g', { ...forced, timeoutMs: 1_000 })
    await expect(rotated).rejects.toSatisfy((error) => isEvergrantError(error))
    fleet.server.faults.clear()
    expect(fleet.server.ledger.tokenRequests().length).toBeLessThanOrEqual(4)
  })

  // The wrong header was written into the budget that the whole fleet shares.
  it('of ten years silences nobody a day later', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), fleet.member()]
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    fleet.server.faults.add({ kind: 'throttled', retryAfterMs: 3_650 * dayMs })
    await expect(a.tokens.getAccessToken('g', forced)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    fleet.clock.jump(dayMs)
    expect((await b.tokens.getAccessToken('g', { ...forced, timeoutMs: 3_000 })).generation).toBe(2)
  })

  // Without a stated budget a slot was never asked for again, so the demand for silence was not seen.
  it('is heard by a process that had its slot before, with no budget stated', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), fleet.member()]
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    await b.tokens.saveGrant('h', fleet.server.issueGrant())
    const arm = b.store.hold('arm', 'before')
    const late = b.tokens.getAccessToken('h', { ...forced, timeoutMs: 1_500 })
    await arm.arrived
    fleet.server.faults.add({ kind: 'throttled', retryAfterMs: 10_000 })
    const first = a.tokens.getAccessToken('g', { ...forced, timeoutMs: 1_000 })
    await expect(first).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    const mark = fleet.server.ledger.mark()
    fleet.clock.jump(400) // B's slot of 200 ms is over
    arm.open()
    await expect(late).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    expect(fleet.server.ledger.since(mark).tokenRequests()).toHaveLength(0)
  })

  /** The first request is answered with 429, and so many times the store does not take that down. */
  async function untold(times: number) {
    let left = times
    let isFirst = true
    const answer = (): Response | undefined => {
      const limited = isFirst ? status(429, { 'retry-after': '30' }) : undefined
      isFirst = false
      return limited
    }
    const scene = stillScene(
      answer,
      { budget: { limit: 100, windowMs: 60_000 } },
      {
        through: (store) => ({
          ...store,
          penalize: (request) =>
            left-- > 0 ? Promise.reject(new Error('connection reset')) : store.penalize(request),
        }),
      },
    )
    const { clock, tokens } = scene
    await tokens.saveGrant('a', anHour)
    await tokens.saveGrant('b', anHour)
    const limited = outcomeOf(tokens.getAccessToken('a', { ...forced, timeoutMs: 1_000 }))
    await clock.advance(10)
    expect(limited.now).toMatchObject({ code: 'RATE_LIMITED' })
    return { ...scene, other: outcomeOf(tokens.getAccessToken('b', { ...forced, timeoutMs: 60_000 })) }
  }

  // One write that failed, and the fleet never heard of it: the other grants went on sending.
  it('is obeyed for all grants though the store failed at that moment', async () => {
    const { clock, bodies, other } = await untold(1)
    await clock.advance(29_000)
    expect(bodies).toHaveLength(1)
    await clock.advance(10_000)
    expect(other.now).toMatchObject({ generation: 2 })
  })

  it('is not obeyed for longer than it was asked, though the store never takes it down', async () => {
    const { clock, bodies, other } = await untold(Number.POSITIVE_INFINITY)
    await clock.advance(29_000)
    expect(bodies).toHaveLength(1)
    await clock.advance(10_000)
    expect(other.now).toMatchObject({ generation: 2 })
  })
})

describe('a process that leaves a grant alone for a while', () => {
  // Until the pause was over, an hour at most, it told every caller of its own failure (simulation, seed 3006923).
  it('hands out what another process has stored since, though no notice came, and does not look for every call', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    const { server, clock, facts, store } = fleet
    const { watch: _, ...deaf } = store
    const b = openManager({ provider: facts, store: deaf, clock, timings: shortTimings })
    await a.tokens.saveGrant('g', { ...server.issueGrant(), expires_in: 60 })
    await b.getAccessToken('g')
    clock.jump(120_000)
    server.faults.add({ kind: 'invalid-client' })
    await expect(b.getAccessToken('g')).rejects.toMatchObject({ code: 'CLIENT_REJECTED' })
    const load = vi.spyOn(deaf, 'load')
    for (let call = 0; call < 20; call++)
      await expect(b.getAccessToken('g')).rejects.toMatchObject({ code: 'CLIENT_REJECTED' })
    expect(load.mock.calls.length).toBeLessThanOrEqual(2)
    await a.tokens.saveGrant('g', server.issueGrant())
    clock.jump(1_000)
    const [ours, theirs] = [await b.getAccessToken('g'), await a.tokens.getAccessToken('g')]
    expect(ours.reveal()).toBe(theirs.reveal())
  })
})

describe('one call', () => {
  const faults: [string, Fault, object][] = [
    [
      'no access token',
      { kind: 'missing-access-token', times: 1_000 },
      { code: 'PROVIDER_UNAVAILABLE', reason: 'no_access_token' },
    ],
    [
      'a life of a millisecond',
      { kind: 'reply-fields', fields: { expires_in: 0.001 }, times: 1_000 },
      { generation: 2 },
    ],
  ]
  // What came was never good enough to be handed out, so it was rotated on the spot.
  it.each(faults)('does not rotate without end when replies bring %s', async (_, fault, outcome) => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const { tokens } = fleet.member()
    await tokens.saveGrant('g', fleet.server.issueGrant(), { receivedAtMs: 0 })
    fleet.server.faults.add(fault)
    const result = await tokens.getAccessToken('g', { timeoutMs: 2_000 }).catch((error: unknown) => error)
    expect(fleet.server.ledger.rotations()).toHaveLength(1)
    expect(result).toMatchObject(outcome)
  })

  it('does not rotate at once again when the token was over before it arrived', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const { tokens } = fleet.member()
    await tokens.saveGrant('g', fleet.server.issueGrant(), { receivedAtMs: 0 })
    fleet.server.faults.add({ kind: 'reply-fields', fields: { expires_in: 1 }, times: 1_000 })
    const gate = fleet.server.gate({ path: 'token', when: 'after' })
    const outcome = tokens.getAccessToken('g', { timeoutMs: 3_500 }).catch((error: unknown) => error)
    await gate.arrived()
    fleet.clock.jump(1_500)
    gate.open()
    expect(await outcome).toMatchObject({ code: 'PROVIDER_UNAVAILABLE' })
    expect(fleet.server.ledger.rotations()).toHaveLength(1)
  })
})

describe('renewal behind the callers', () => {
  // It looked at the due date alone.
  it('keeps the least time between two rotations, however short the declared life', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' }, { refreshTokenLifetimeMs: 1_000 })
    const tokens = openManager({ provider: fleet.facts, store: fleet.store, clock: fleet.clock })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    for (let call = 0; call < 10; call++) {
      fleet.clock.jump(1_000)
      await tokens.getAccessToken('g')
      await sleep(30)
    }
    await tokens.close()
    expect(fleet.server.ledger.rotations()).toHaveLength(1)
  })
})

describe('a store that is too slow', () => {
  // Every try took another slot, and the next try followed at once.
  it('for the armed lease does not burn the budget of everyone', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' }, { budget: { limit: 300, windowMs: 60_000 } })
    const takeBudget = vi.spyOn(fleet.store, 'takeBudget')
    const tokens = openManager({
      provider: fleet.facts,
      store: {
        ...fleet.store,
        async arm(request) {
          const answer = await fleet.store.arm(request)
          await sleep(25)
          return answer
        },
      },
      timings: { leaseMs: 100, requestTimeoutMs: 100, armedLeaseMs: 120 },
    })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    const rotated = tokens.getAccessToken('g', { ...forced, timeoutMs: 1_000 })
    await expect(rotated).rejects.toSatisfy((error) => isEvergrantError(error))
    expect(takeBudget.mock.calls.length).toBeLessThan(8)
    expect(fleet.server.ledger.tokenRequests()).toHaveLength(0)
  })
})

describe('a slot of the budget', () => {
  // A whole window long nobody could use it.
  it('that was not used is not lost', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' }, { budget: { limit: 2, windowMs: 60_000 } })
    let refused = 0
    const tokens = openManager({
      provider: fleet.facts,
      store: fleet.store,
      fetch: (input, init) =>
        refused++ < 2 ? Promise.reject(new TypeError('fetch failed')) : fetch(input, init),
    })
    for (const id of ['a', 'b']) await tokens.saveGrant(id, fleet.server.issueGrant(), { receivedAtMs: 0 })
    expect((await tokens.getAccessToken('a')).generation).toBe(2)
    expect((await tokens.getAccessToken('b', { timeoutMs: 5_000 })).generation).toBe(2)
    expect(refused).toBe(4)
  })

  // A revocation at the token endpoint's URL took one, and used it whenever its connection stood.
  it('that went out of date while a revocation connected is exchanged before its bytes leave', async () => {
    const endpoint = 'https://as.example/token'
    const slots: { id: string; validUntilMs: number }[] = []
    let sentAtMs = 0
    let connected = (): void => {}
    const scene = stillScene(
      undefined,
      { tokenEndpoint: endpoint, revocationEndpoint: endpoint, budget: { limit: 1, windowMs: 60_000 } },
      {
        through: (store) => ({
          ...store,
          async takeBudget(request) {
            const answer = await store.takeBudget(request)
            if (answer.status === 'granted')
              slots.push({ id: request.slot, validUntilMs: answer.validUntilMs })
            return answer
          },
        }),
        async fetch(_, init) {
          await new Promise<void>((resolve) => {
            connected = resolve
          })
          await new Response(init?.body).text()
          sentAtMs = scene.clock.now()
          return status(200)
        },
      },
    )
    await scene.tokens.saveGrant('g', anHour)
    const revoked = outcomeOf(scene.tokens.revoke('g'))
    await scene.clock.advance(5_000)
    connected()
    await scene.clock.advance(10)
    expect(revoked.now).toEqual({ removed: true, atProvider: 'revoked' })
    expect(slots.map(({ id }) => id)).toEqual([slots[0]?.id, slots[0]?.id])
    expect(sentAtMs).toBeLessThanOrEqual(slots[1]?.validUntilMs ?? 0)
  })
})

describe('client credentials that are refused', () => {
  // Every refusal doubled the pause.
  it('for many grants at once make one pause, not a dozen', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const { tokens, events } = fleet.member()
    const ids = Array.from({ length: 12 }, (_, place) => `g${place}`)
    for (const id of ids) await tokens.saveGrant(id, fleet.server.issueGrant())
    fleet.server.faults.add({ kind: 'invalid-client', times: 12 })
    await Promise.allSettled(ids.map((id) => tokens.getAccessToken(id, forced)))
    const pause = (event: EvergrantEvent) => (event.type === 'client.rejected' ? [event.retryAfterMs] : [])
    const pauses = events.flatMap(pause)
    expect(pauses.length).toBeGreaterThan(1)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5_000)
  })
})

describe('reports of rejected tokens', () => {
  // Each of them looked whether the user had authorized again.
  it('of a dead grant look at the store once a second at most', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const { tokens } = fleet.member()
    await tokens.saveGrant('g', fleet.server.issueGrant())
    const token = await tokens.getAccessToken('g')
    fleet.server.faults.add({ kind: 'error', error: 'invalid_grant' })
    const dead = { code: 'REAUTHORIZATION_REQUIRED' }
    await expect(tokens.reportRejected(token)).rejects.toMatchObject(dead)
    const load = vi.spyOn(fleet.store, 'load')
    for (let report = 0; report < 50; report++) {
      await expect(tokens.reportRejected(token)).rejects.toMatchObject(dead)
    }
    expect(load.mock.calls.length).toBeLessThanOrEqual(2)
  })

  // A store that took longer than a second was asked again and again, until the caller's patience ended.
  it('look at a slow store once, and let the 401 stand', async () => {
    let loads = 0
    let isSlow = false
    const { clock, tokens } = stillScene(
      undefined,
      {},
      {
        through: (store, clock) => ({
          ...store,
          async load(key) {
            if (!isSlow) return store.load(key)
            loads += 1
            await new Promise<void>((resolve) => void clock.setTimeout(resolve, 1_500))
            return store.load(key)
          },
        }),
      },
    )
    await tokens.saveGrant('g', anHour)
    const rotated = outcomeOf(tokens.getAccessToken('g', forced))
    await clock.advance(5_000)
    isSlow = true
    const reported = outcomeOf(tokens.reportRejected(rotated.now as AccessToken))
    await clock.advance(4_000)
    expect(reported.now).toBe('done')
    expect(loads).toBe(1)
  })

  // After a rotation of its own the process asked the store what it had just told it.
  it('and rotations of this process cost no look at the store', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const tokens = openManager({ provider: fleet.facts, store: fleet.store, timings: shortTimings })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    const load = vi.spyOn(fleet.store, 'load')
    const token = await tokens.getAccessToken('g')
    expect((await tokens.getAccessToken('g', forced)).generation).toBe(2)
    expect((await tokens.reportRejected(token))?.generation).toBe(2)
    expect((await tokens.getAccessToken('g')).generation).toBe(2)
    expect(load).not.toHaveBeenCalled()
  })
})
