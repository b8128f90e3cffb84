/** Clocks that step or are wrong, and servers that take their time. */
import { memoryStore, systemClock } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { gatedStore } from '../gated-store.js'
import { shortTimings } from '../small-fleet.js'
import { openFleet, openManager, within } from './scene.js'

const hourMs = 3_600_000

describe('settling', () => {
  // Judged by whichever clock showed more: the other process lost its time at a step of the wall clock.
  it('is not cut short by a wall clock that is set forward', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    let stepMs = 0
    const store = gatedStore(fleet.store)
    const b = openManager({
      provider: fleet.facts,
      store,
      clock: { ...fleet.clock, now: () => fleet.clock.now() + stepMs },
      timings: { ...shortTimings, settleMs: 4_000 },
    })
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const first = await b.getAccessToken('g')
    const commit = a.store.hold('commit', 'before')
    const rotated = a.tokens.getAccessToken('g', { forceRefresh: true })
    await commit.arrived
    fleet.clock.jump(5_000) // A's lease is over, and A holds the successor
    const acquire = store.hold('acquire', 'after')
    const arm = store.hold('arm', 'before')
    const other = b.reportRejected(first)
    await acquire.arrived
    stepMs = hourMs
    acquire.open()
    expect(await within(800, arm.arrived)).toBe('late')
    arm.open()
    commit.open()
    expect((await rotated).generation).toBe(2)
    expect((await other)?.generation).toBe(2)
    expect(fleet.server.ledger.tokenRequests()).toHaveLength(1)
    expect(fleet.server.ledger.familiesRevoked()).toHaveLength(0)
  })
})

describe('a server that takes its time to answer', () => {
  // The timings were scaled to what was left of the token's life, not to the whole of it.
  it('is waited for also when the imported token is almost expired', async () => {
    const fleet = await openFleet({ preset: 'passolution' }, { reuse: 'refused' })
    const tokens = openManager({ provider: fleet.facts, store: fleet.store, timings: shortTimings })
    const receivedAtMs = Date.now() - hourMs + 3_000
    await tokens.saveGrant('g', { ...fleet.server.issueGrant(), expires_in: 3600 }, { receivedAtMs })
    fleet.server.faults.add({ kind: 'latency', ms: 700, when: 'after' })
    expect((await tokens.getAccessToken('g', { forceRefresh: true })).generation).toBe(2)
    expect(fleet.server.ledger.tokenRequests()).toHaveLength(1)
  })

  // The timings were scaled down for a replay that did not fit into the interval anyway.
  it('is waited for also when its reuse interval is too short for any replay', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' }, { reuseIntervalMs: 500 })
    const tokens = openManager({ provider: fleet.facts, store: fleet.store, timings: shortTimings })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    fleet.server.faults.add({ kind: 'latency', ms: 700, when: 'after' })
    expect((await tokens.getAccessToken('g', { forceRefresh: true })).generation).toBe(2)
    expect(fleet.server.ledger.tokenRequests()).toHaveLength(1)
  })
})

describe('a process whose clock is wrong', () => {
  // Before its first answer the store's clock was taken to be the process's own.
  it.each([
    ['ahead of', hourMs],
    ['behind', -hourMs],
  ])('counts the life of the first grant on the store clock: an hour %s it', async (_, offMs) => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const storeNow = (): number => systemClock.now() - offMs
    const tokens = openManager({ provider: fleet.facts, store: memoryStore({ now: storeNow }) })
    await tokens.saveGrant('g', { ...fleet.server.issueGrant(), expires_in: 3600 })
    const { generation, expiresAtMs } = await tokens.getAccessToken('g')
    const lifeMs = (expiresAtMs ?? 0) - storeNow()
    expect(Math.abs(lifeMs - hourMs)).toBeLessThan(10_000)
    expect(generation).toBe(1)
  })
})
