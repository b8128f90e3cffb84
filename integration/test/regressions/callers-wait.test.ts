/** Nobody waits for something while what he asked for, or the reason why it cannot be had, is at hand. */
import { EvergrantError, isEvergrantError, type TokenStore } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { gatedStore } from '../gated-store.js'
import type { Member } from '../small-fleet.js'
import { eventOf, openFleet, openManager, within } from './scene.js'
import { anHour, outcomeOf, stillScene } from './still-scene.js'

const force = (member: Member) => member.tokens.getAccessToken('g', { forceRefresh: true })
const refusing = [{ preset: 'passolution' }, { oldAccessToken: 'dies', reuse: 'refused' }] as const

describe('a token that works', () => {
  // Callers who had joined the renewal waited through its backoff.
  it('is handed out while its early renewal is told to wait', async () => {
    const fleet = await openFleet(...refusing)
    const a = fleet.member()
    const receivedAtMs = fleet.clock.now() - 70_000_000
    await a.tokens.saveGrant('g', { ...fleet.server.issueGrant(), expires_in: 86_400 }, { receivedAtMs })
    fleet.server.faults.add({ kind: 'throttled', retryAfterMs: 20_000, times: 100 })
    const gate = fleet.server.gate({ path: 'token', when: 'before' })
    await a.tokens.getAccessToken('g') // the renewal begins behind it
    await gate.arrived()
    const joined = a.tokens.getAccessToken('g')
    expect(await within(50, joined)).toBe('late')
    gate.open()
    expect(await within(2_000, joined)).toMatchObject({ generation: 1 })
    expect(await within(2_000, a.tokens.getAccessToken('g'))).toMatchObject({ generation: 1 })
  })

  // The token of the new authorization counted as being replaced, and waiters were not told of it.
  it('of a new authorization is handed out while the old one is being rotated', async () => {
    const fleet = await openFleet(...refusing)
    const a = fleet.member()
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const gate = fleet.server.gate({ path: 'token', when: 'after' })
    const rotating = force(a)
    await gate.arrived()
    const { chain } = await a.tokens.saveGrant('g', fleet.server.issueGrant())
    expect(await within(1_000, a.tokens.getAccessToken('g'))).toMatchObject({ chain })
    expect(await within(1_000, rotating)).toMatchObject({ chain })
    gate.open()
  })

  // Only a refused commit was noticed, not one that never comes back.
  it('is handed out although its commit hangs', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    await a.tokens.saveGrant('g', fleet.server.issueGrant(), { receivedAtMs: 0 })
    const commit = a.store.hold('commit', 'before')
    const waiting = a.tokens.getAccessToken('g')
    await commit.arrived
    expect(await within(5_000, waiting)).toMatchObject({ generation: 2 })
    commit.open()
  })

  // The load under way answered both callers, with what it had read before the notice.
  it('is the one that a notice told of, also when it came during a load', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), fleet.member()]
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    await b.tokens.getAccessToken('g')
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const load = b.store.hold('load', 'after')
    const first = b.tokens.getAccessToken('g')
    await load.arrived
    const newest = await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const second = b.tokens.getAccessToken('g')
    load.open()
    await first
    expect((await second).chain).toBe(newest.chain)
  })

  // The refusal was written on whatever the process knew by then.
  it('of a new authorization is not marked dead by a late refusal of the old one', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    fleet.server.faults.add({ kind: 'error', error: 'invalid_grant' })
    const fail = a.store.hold('fail', 'after')
    const rotating = force(a)
    await fail.arrived
    const { chain } = await a.tokens.saveGrant('g', fleet.server.issueGrant())
    a.store.away = true // what the process knows is all there is
    fail.open()
    await eventOf(a.events, 'grant.reauthorization_required')
    expect(await a.tokens.getAccessToken('g')).toMatchObject({ chain, generation: 1 })
    a.store.away = false
    expect((await rotating).chain).toBe(chain)
  })
})

describe('a caller', () => {
  // Only the first failure was told, and only if nobody was ready to wait for the next try.
  it('who cannot wait for the next try is told at once, though another one can', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    fleet.server.faults.add({ kind: 'throttled', retryAfterMs: 15_000 })
    const leaving = new AbortController()
    const { signal } = leaving
    const patient = a.tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 25_000, signal })
    await eventOf(a.events, 'grant.rotation_failed')
    const hasty = a.tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 5_000 })
    const told = await within(
      2_000,
      hasty.catch((error: unknown) => error),
    )
    expect(told).toMatchObject({ code: 'RATE_LIMITED' })
    leaving.abort()
    await expect(patient).rejects.toMatchObject({ name: 'AbortError' })
  })

  // He waited until the successor, which nobody wanted any more, was revoked at the provider.
  it('hears of a removal at once, not after the revocation at the provider', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), fleet.member()]
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const commit = a.store.hold('commit', 'before')
    const waiting = force(a).catch((error: unknown) => error)
    await commit.arrived
    const gate = fleet.server.gate({ path: 'revoke', when: 'before' })
    const revoked = b.tokens.revoke('g')
    await gate.arrived()
    commit.open()
    expect(await within(2_000, waiting)).toMatchObject({ code: 'GRANT_NOT_FOUND' })
    gate.open()
    expect(await revoked).toMatchObject({ removed: true, atProvider: 'revoked' })
  })
})

describe('a caller', () => {
  // He waited until the store had heard of the limit, or had not for long enough.
  it('has the new token before the fleet is told that the limit is used up', async () => {
    const reply = { access_token: 'new', refresh_token: 'next', expires_in: 3600 }
    const usedUp = { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '5' } }
    const { clock, tokens } = stillScene(
      () => Response.json(reply, usedUp),
      {},
      { through: (store) => ({ ...store, penalize: () => new Promise(() => {}) }) },
    )
    await tokens.saveGrant('g', anHour)
    const rotated = outcomeOf(tokens.getAccessToken('g', { forceRefresh: true }))
    await clock.advance(100)
    expect(rotated.now).toMatchObject({ generation: 2 })
  })

  // His reason was taken for a look that failed, and he got the error of the rotation before.
  it('who leaves while the store is looked at again gets his own reason', async () => {
    let hangs = false
    const { clock, tokens } = stillScene(
      () => Response.json({ error: 'invalid_client' }, { status: 401 }),
      {},
      {
        through: (store) => ({
          ...store,
          load: (key) => (hangs ? new Promise(() => {}) : store.load(key)),
        }),
      },
    )
    await tokens.saveGrant('g', anHour, { receivedAtMs: 0 })
    const paused = outcomeOf(tokens.getAccessToken('g'))
    await clock.advance(10)
    expect(paused.now).toMatchObject({ code: 'CLIENT_REJECTED' })
    hangs = true
    const leaving = new AbortController()
    const left = outcomeOf(tokens.getAccessToken('g', { forceRefresh: true, signal: leaving.signal }))
    await clock.advance(10)
    expect(left.now).toBe('pending')
    leaving.abort()
    await clock.advance(0)
    expect(left.now).toMatchObject({ name: 'AbortError' })
  })
})

describe('a hiccup of the store costs no whole lease', () => {
  /** Its first answer to this step gets lost, after the step was done or before. */
  function losing(store: TokenStore, step: 'acquire' | 'fail'): TokenStore {
    let lost = false
    const answerLost = new EvergrantError('STORE_UNAVAILABLE', 'The answer was lost')
    return {
      ...store,
      async acquire(request) {
        const answer = await store.acquire(request)
        if (step !== 'acquire' || lost) return answer
        lost = true
        throw answerLost
      },
      async fail(request) {
        if (step !== 'fail' || lost) return store.fail(request)
        lost = true
        throw answerLost
      },
    }
  }

  // The next try came as another attempt, and found the lease taken: by itself.
  it('when the answer to acquire is lost', async () => {
    const fleet = await openFleet({ preset: 'passolution' }, { reuse: 'refused' })
    const tokens = openManager({ provider: fleet.facts, store: losing(fleet.store, 'acquire') })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    const rotated = tokens.getAccessToken('g', { forceRefresh: true })
    expect(await within(3_000, rotated)).toMatchObject({ generation: 2 })
  })

  // The refused token was settled for and sent again.
  it('when a refusal cannot be stored at the first try', async () => {
    const fleet = await openFleet({ preset: 'passolution' }, { reuse: 'refused' })
    const tokens = openManager({ provider: fleet.facts, store: losing(fleet.store, 'fail') })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    fleet.server.faults.add({ kind: 'error', error: 'invalid_grant', times: 9 })
    const rotated = tokens.getAccessToken('g', { forceRefresh: true }).catch((error: unknown) => error)
    expect(await within(3_000, rotated)).toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' })
    expect(fleet.server.ledger.tokenRequests()).toHaveLength(1)
  })

  // Its release was lost with the rest, and was not repeated.
  it('when the store is away for half a second after the slot was taken', async () => {
    const fleet = await openFleet({ preset: 'passolution' }, { reuse: 'refused' })
    const store = gatedStore(fleet.store)
    const failed: string[] = []
    const tokens = openManager({
      provider: fleet.facts,
      store,
      onEvent: ({ type }) => failed.push(type),
    })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    const slot = store.hold('takeBudget', 'after')
    const rotated = tokens.getAccessToken('g', { forceRefresh: true })
    await slot.arrived
    store.away = true
    slot.open()
    expect(await within(500, rotated.catch(isEvergrantError))).toBe('late')
    store.away = false
    expect(await within(3_000, rotated)).toMatchObject({ generation: 2 })
    expect(failed).toContain('grant.rotation_failed')
  })
})
