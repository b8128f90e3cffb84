/** Stores that forget, processes that froze: no successor is lost and none overwritten. */

import type { GrantRecord, TokenStore } from '@evergrant/core'
import { describe, expect, it, vi } from 'vitest'
import { type GatedStore, gatedStore } from '../gated-store.js'
import { type Member, type SmallFleet, shortTimings } from '../small-fleet.js'
import { openFleet, openManager } from './scene.js'

const key = { provider: 'emulated', grantId: 'g' }
const force = (member: Member) => member.tokens.getAccessToken('g', { forceRefresh: true })

async function stored({ store }: SmallFleet): Promise<GrantRecord> {
  const { record } = await store.load(key)
  if (!record) throw new Error('the grant is gone')
  return record
}

/** What a failover to a replica that lags behind does: the last writes are gone. */
async function rollBack(store: TokenStore, first: GrantRecord): Promise<void> {
  const { chain, secret, expiresAtMs, renewAtMs } = first
  await store.remove(key)
  await store.save({ ...key, chain, generation: 1, secret, expiresAtMs, renewAtMs })
}

describe('a store that lost its last writes', () => {
  // The commit was answered as superseded, and the successor was dropped for the older link.
  it('while a reply was read gets the missing link and then the successor', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const first = await stored(fleet)
    expect((await force(a)).generation).toBe(2)
    const commit = a.store.hold('commit', 'before')
    const rotated = force(a)
    await commit.arrived
    await rollBack(fleet.store, first)
    commit.open()
    expect((await rotated).generation).toBe(3)
    const stores = () => a.events.filter(({ type }) => type === 'grant.rotated')
    await vi.waitFor(() => expect(stores()).toHaveLength(2), 10_000)
    expect(await stored(fleet)).toMatchObject({ chain: first.chain, generation: 3, state: 'live' })
    expect((await force(a)).generation).toBe(4)
    expect(fleet.server.ledger.doubleSpends()).toHaveLength(0)
    expect(a.events.map(({ type }) => type)).not.toContain('grant.successor_dropped')
  })

  // Every call looked at the store again, and none of them mended it.
  it('is mended by whoever sees it, and costs no look at the store for every call', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const first = await stored(fleet)
    const { generation } = await force(a)
    const load = vi.spyOn(fleet.store, 'load')
    await rollBack(fleet.store, first)
    for (let call = 0; call < 20; call++) {
      expect((await a.tokens.getAccessToken('g')).generation).toBe(generation)
    }
    expect(load.mock.calls.length).toBeLessThanOrEqual(3)
    await vi.waitFor(async () => expect((await stored(fleet)).generation).toBe(generation), 10_000)
    expect(fleet.server.ledger.doubleSpends()).toHaveLength(0)
  })
})

describe('a successor of a token that another process has renewed meanwhile, and kept', () => {
  // It followed from an older link, and was dropped: the newer one held the token that was spent (simulation, seed 502748).
  it('takes the place of the newer link', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const before = await stored(fleet)
    const commit = a.store.hold('commit', 'before')
    const rotated = force(a)
    await commit.arrived
    // What a process stores whose reply left the refresh token out: a new access token with the old one.
    const { chain, secret, expiresAtMs, renewAtMs } = before
    const next = { secret, expiresAtMs, renewAtMs }
    await fleet.store.commit({ ...key, chain, generation: 1, attempt: 'another', next })
    commit.open()
    expect((await rotated).generation).toBe(3)
    expect(await stored(fleet)).toMatchObject({ chain, generation: 3, state: 'live' })
    expect(a.events.map(({ type }) => type)).not.toContain('grant.successor_dropped')
    expect((await force(a)).generation).toBe(4)
    expect(fleet.server.ledger.doubleSpends()).toHaveLength(0)
  })
})

describe('a successor that follows a newer link than was known', () => {
  // Callers went on with the older link's token as long as the store was away (simulation, seed 3350).
  it('is handed out while the store is away', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const { chain, secret, expiresAtMs, renewAtMs } = await stored(fleet)
    const commit = a.store.hold('commit', 'before')
    const again = a.store.hold('commit', 'before')
    const rotated = force(a)
    await commit.arrived
    const next = { secret, expiresAtMs, renewAtMs }
    await fleet.store.commit({ ...key, chain, generation: 1, attempt: 'another', next })
    commit.open()
    await again.arrived
    a.store.away = true
    again.open()
    expect((await rotated).generation).toBe(3)
    expect((await a.tokens.getAccessToken('g')).generation).toBe(3)
    a.store.away = false
    await vi.waitFor(async () => expect((await stored(fleet)).generation).toBe(3), 10_000)
    expect(fleet.server.ledger.doubleSpends()).toHaveLength(0)
  })
})

describe('what was handed out before it was stored', () => {
  // It counted as news from the store, and a new authorization whose answer came late lost to it (simulation, seed 37559).
  it('gives way to an authorization that the store has taken since', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const b = fleet.member()
    await b.tokens.saveGrant('g', fleet.server.issueGrant())
    // Without notices, which would have it look at the store.
    const own = Object.assign(gatedStore(fleet.store), { watch: undefined })
    const tokens = openManager({ provider: fleet.facts, store: own as GatedStore, timings: shortTimings })
    await tokens.getAccessToken('g')
    const commit = own.hold('commit', 'before', 'every')
    const rotated = tokens.getAccessToken('g', { forceRefresh: true })
    await commit.arrived
    await b.tokens.saveGrant('g', fleet.server.issueGrant())
    const save = own.hold('save', 'after')
    const saved = tokens.saveGrant('g', fleet.server.issueGrant())
    await save.arrived
    expect((await rotated).generation).toBe(2)
    save.open()
    const { chain } = await saved
    expect((await tokens.getAccessToken('g')).chain).toBe(chain)
    commit.open()
  })
})

describe('a lease whose answer came after the grant had moved on', () => {
  // It went on with the newer link's token under the older link's lease; arm alone stood in the way (simulation, seed 435).
  it('is given back, and nothing is armed with it', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const { chain, secret, expiresAtMs, renewAtMs } = await stored(fleet)
    const acquire = a.store.hold('acquire', 'after')
    const arm = vi.spyOn(fleet.store, 'arm')
    const rotated = force(a)
    await acquire.arrived
    const next = { secret, expiresAtMs, renewAtMs }
    await fleet.store.commit({ ...key, chain, generation: 1, attempt: 'another', next })
    expect((await a.tokens.getAccessToken('g')).generation).toBe(2)
    acquire.open()
    expect((await rotated).generation).toBe(2)
    expect(arm).not.toHaveBeenCalled()
  })
})

describe('a grant that was removed and authorized again while it was rotated', () => {
  // What its callers found was kept where no later call looked (simulation, seed 506213).
  it('is known to this process, store or no store', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), fleet.member()]
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const acquire = a.store.hold('acquire', 'before')
    const rotated = force(a)
    await acquire.arrived
    await fleet.store.remove(key)
    const load = a.store.hold('load', 'before')
    acquire.open()
    await load.arrived
    await b.tokens.saveGrant('g', fleet.server.issueGrant())
    load.open()
    const { chain } = await stored(fleet)
    expect(await rotated).toMatchObject({ chain, generation: 1 })
    a.store.away = true
    expect(await a.tokens.getAccessToken('g')).toMatchObject({ chain, generation: 1 })
  })
})

describe('a reply without refresh token that keeps the stored one', () => {
  // It was saved without looking: a process frozen meanwhile brought the spent token back.
  it('does not undo what another process stored while this one was frozen', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), fleet.member()]
    const grant = fleet.server.issueGrant()
    const { access_token } = grant
    await a.tokens.saveGrant('g', grant)
    await b.tokens.getAccessToken('g')
    const commit = a.store.hold('commit', 'before')
    const saved = a.tokens.saveGrant('g', { access_token, expires_in: 3600 }, { keepRefreshToken: true })
    await commit.arrived
    fleet.clock.jump(5_000) // the lease of 2 s is over
    expect((await force(b)).generation).toBe(2)
    commit.open()
    expect(await saved).toMatchObject({ state: 'live', generation: 3 })
    expect((await a.tokens.getAccessToken('g')).reveal()).toBe(access_token)
    expect((await force(a)).generation).toBe(4)
    expect(fleet.server.ledger.doubleSpends()).toHaveLength(0)
  })
})
