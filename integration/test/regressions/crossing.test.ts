/** Answers of the store that cross: what was asked first is answered last, and of another time. */
import { memoryStore, type StoreWatcher } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { gatedStore } from '../gated-store.js'
import { type Member, shortTimings } from '../small-fleet.js'
import { openFleet, openManager } from './scene.js'

const key = { provider: 'emulated', grantId: 'g' }
const notFound = { code: 'GRANT_NOT_FOUND' }
const unavailable = { code: 'STORE_UNAVAILABLE' }

/** Two members of a fleet, the second of which has not looked at the grant that the first has saved. */
async function aSavedGrant() {
  const fleet = await openFleet({ preset: 'oidcProvider' })
  const [a, b] = [fleet.member(), fleet.member()]
  await a.tokens.saveGrant('g', fleet.server.issueGrant())
  return { fleet, a, b }
}

/** Its outcome, also when that is an error. */
function force({ tokens }: Member, timeoutMs = 2_000): Promise<unknown> {
  return tokens.getAccessToken('g', { forceRefresh: true, timeoutMs }).catch((error: unknown) => error)
}

describe('a grant that is removed', () => {
  // What was read before the removal was handed out after it (simulation, seed 83243).
  it('during a look at the store is not handed out', async () => {
    const { b } = await aSavedGrant()
    const load = b.store.hold('load', 'after')
    const waiting = b.tokens.getAccessToken('g')
    await load.arrived
    await b.tokens.revoke('g')
    load.open()
    await expect(waiting).rejects.toMatchObject(notFound)
    await expect(b.tokens.getAccessToken('g')).rejects.toMatchObject(notFound)
  })

  it.each(['the first', 'a second'])(
    'during the answer to %s authorization is not handed out',
    async (which) => {
      const fleet = await openFleet({ preset: 'oidcProvider' })
      const { tokens, store } = fleet.member()
      if (which === 'a second') {
        await tokens.saveGrant('g', fleet.server.issueGrant())
        await tokens.getAccessToken('g')
      }
      const save = store.hold('save', 'after')
      const saving = tokens.saveGrant('g', fleet.server.issueGrant())
      await save.arrived
      expect(await tokens.revoke('g')).toMatchObject({ removed: true })
      save.open()
      await saving
      await expect(tokens.getAccessToken('g')).rejects.toMatchObject(notFound)
    },
  )

  it('during the answer to a commit is not there, for whoever waits for that', async () => {
    const { a } = await aSavedGrant()
    const commit = a.store.hold('commit', 'after')
    const waiting = force(a)
    await commit.arrived
    await a.tokens.revoke('g')
    commit.open()
    expect(await waiting).toMatchObject(notFound)
  })

  it('while its successor finds no store is not handed out as that', async () => {
    const { a } = await aSavedGrant()
    const commit = a.store.hold('commit', 'before', 'every')
    const remove = a.store.hold('remove', 'after')
    const waiting = force(a, 3_000)
    await commit.arrived
    const revoking = a.tokens.revoke('g')
    await remove.arrived
    expect(await waiting).toMatchObject({ generation: 2 })
    remove.open()
    await revoking
    await expect(a.tokens.getAccessToken('g')).rejects.toMatchObject(notFound)
    commit.open()
  })

  it('beside a rotation is not handed out by a process that cannot ask the store then', async () => {
    const { a } = await aSavedGrant()
    const acquire = a.store.hold('acquire', 'after')
    const remove = a.store.hold('remove', 'after')
    const waiting = force(a, 300)
    await acquire.arrived
    const revoking = a.tokens.revoke('g')
    await remove.arrived
    const arm = a.store.hold('arm', 'before')
    acquire.open()
    await arm.arrived
    a.store.away = true
    remove.open()
    await revoking
    await expect(a.tokens.getAccessToken('g', { timeoutMs: 300 })).rejects.toMatchObject(unavailable)
    arm.open()
    await waiting
  })

  it.each(['save', 'load'] as const)('elsewhere during the answer to a %s is not kept', async (step) => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), fleet.member()]
    if (step === 'load') await b.tokens.saveGrant('g', fleet.server.issueGrant())
    const held = a.store.hold(step, 'after')
    const asking =
      step === 'load' ? force(a) : a.tokens.saveGrant('g', fleet.server.issueGrant()).catch(() => {})
    await held.arrived
    await b.tokens.revoke('g')
    held.open()
    await asking
    await expect(a.tokens.getAccessToken('g')).rejects.toMatchObject(notFound)
  })

  it('is missing also for one whose save was answered after a look that found nothing', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), fleet.member()]
    const save = a.store.hold('save', 'after')
    const saving = a.tokens.saveGrant('g', fleet.server.issueGrant())
    await save.arrived
    await b.tokens.revoke('g')
    const load = a.store.hold('load', 'after')
    const waiting = a.tokens.getAccessToken('g')
    await load.arrived
    save.open()
    await saving
    load.open()
    await expect(waiting).rejects.toMatchObject(notFound)
  })

  it('although it became known only while the removal was under way is not handed out', async () => {
    const { b } = await aSavedGrant()
    const remove = b.store.hold('remove', 'before')
    const revoking = b.tokens.revoke('g')
    await remove.arrived
    await b.tokens.getAccessToken('g')
    remove.open()
    expect(await revoking).toMatchObject({ removed: true })
    b.store.away = true
    await expect(b.tokens.getAccessToken('g', { timeoutMs: 300 })).rejects.toMatchObject(unavailable)
  })

  it('and authorized anew is known, when both were under way at once', async () => {
    const { fleet, a } = await aSavedGrant()
    const remove = a.store.hold('remove', 'after')
    const revoking = a.tokens.revoke('g')
    await remove.arrived
    // Another instant of the store's clock.
    fleet.clock.jump(5)
    const save = a.store.hold('save', 'after')
    const saving = a.tokens.saveGrant('g', fleet.server.issueGrant())
    await save.arrived
    remove.open()
    await revoking
    save.open()
    const { chain } = await saving
    a.store.away = true
    expect(await a.tokens.getAccessToken('g', { timeoutMs: 300 })).toMatchObject({ chain })
  })

  it('and authorized anew is handed out to whoever waited since before, also when the store is away', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), fleet.member()]
    await b.tokens.saveGrant('g', fleet.server.issueGrant())
    const load = a.store.hold('load', 'after')
    const waiting = a.tokens.getAccessToken('g')
    await load.arrived
    await a.tokens.revoke('g')
    const { chain } = await a.tokens.saveGrant('g', fleet.server.issueGrant())
    a.store.away = true
    load.open()
    expect(await waiting).toMatchObject({ chain })
  })

  it('is told of by a notice that is not forgotten with an older answer', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), fleet.member()]
    const load = a.store.hold('load', 'after')
    const waiting = a.tokens.getAccessToken('g')
    await load.arrived
    fleet.clock.jump(5)
    const save = a.store.hold('save', 'after')
    const saving = a.tokens.saveGrant('g', fleet.server.issueGrant())
    await save.arrived
    await b.tokens.revoke('g')
    load.open()
    await expect(waiting).rejects.toMatchObject(notFound)
    save.open()
    await saving
    await expect(a.tokens.getAccessToken('g')).rejects.toMatchObject(notFound)
  })

  // Whoever waited heard of trouble at the provider.
  it('is handed out when it was authorized anew and rotated before the removal was answered', async () => {
    const { fleet, a } = await aSavedGrant()
    const remove = a.store.hold('remove', 'after')
    const revoking = a.tokens.revoke('g')
    await remove.arrived
    const { chain } = await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const commit = a.store.hold('commit', 'after')
    const waiting = force(a)
    await commit.arrived
    remove.open()
    await revoking
    commit.open()
    expect(await waiting).toMatchObject({ chain, generation: 2 })
  })

  it('and authorized anew is not missing because an older answer says so', async () => {
    const { fleet, a, b } = await aSavedGrant()
    await a.tokens.getAccessToken('g')
    const asked = a.store.hold('acquire', 'before')
    const acquire = a.store.hold('acquire', 'after')
    const forced = force(a)
    await asked.arrived
    await b.tokens.revoke('g')
    asked.open()
    await acquire.arrived
    const { chain } = await b.tokens.saveGrant('g', fleet.server.issueGrant())
    const load = a.store.hold('load', 'after')
    const second = a.tokens.getAccessToken('g')
    await load.arrived
    acquire.open()
    load.open()
    expect(await second).toMatchObject({ chain })
    expect(await forced).toMatchObject({ chain })
  })
})

describe('an older answer that there is no such grant', () => {
  it('does not deny one whose successor finds no store', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const a = fleet.member()
    const load = a.store.hold('load', 'after')
    const waiting = a.tokens.getAccessToken('g')
    await load.arrived
    const { chain } = await a.tokens.saveGrant('g', fleet.server.issueGrant())
    const commit = a.store.hold('commit', 'before', 'every')
    expect(await force(a, 3_000)).toMatchObject({ chain, generation: 2 })
    load.open()
    expect(await waiting).toMatchObject({ chain })
    commit.open()
  })

  it('does not make a later removal an earlier one', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    let nowMs = Date.now()
    const { watch: _, ...memory } = memoryStore({ now: () => nowMs })
    const store = gatedStore(memory)
    const tokens = openManager({ provider: fleet.facts, store, timings: shortTimings })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    // A rotation keeps the grant in memory.
    const acquire = store.hold('acquire', 'after')
    const forced = tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 2_000 })
    await acquire.arrived
    await tokens.revoke('g')
    nowMs += 10
    const load = store.hold('load', 'after')
    const asked = tokens.getAccessToken('g')
    await load.arrived
    nowMs += 10
    const save = store.hold('save', 'after')
    const saving = tokens.saveGrant('g', fleet.server.issueGrant())
    await save.arrived
    nowMs += 10
    expect(await tokens.revoke('g')).toMatchObject({ removed: true })
    load.open()
    await expect(asked).rejects.toMatchObject(notFound)
    save.open()
    await saving
    await expect(tokens.getAccessToken('g')).rejects.toMatchObject(notFound)
    acquire.open()
    await expect(forced).rejects.toMatchObject(notFound)
  })
})

describe('a lease', () => {
  // The record that came with it was dropped for one that had been asked for later and read earlier.
  it.each([0, 300])(
    'is judged by its own record, by a store whose clock stepped back by %i ms',
    async (ms) => {
      const fleet = await openFleet({ preset: 'oidcProvider' })
      let nowMs = Date.now()
      const store = memoryStore({ now: () => nowMs })
      let watcher: StoreWatcher | undefined
      const own = gatedStore({
        ...store,
        async watch(given) {
          watcher = given
          return async () => {}
        },
      })
      const tokens = openManager({ provider: fleet.facts, store: own, timings: shortTimings })
      const { chain, generation } = await tokens.saveGrant('g', fleet.server.issueGrant())
      const acquire = own.hold('acquire', 'before')
      const waiting = tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 1_500 })
      await acquire.arrived
      watcher?.gap()
      await tokens.getAccessToken('g')
      nowMs -= ms
      const theirs = { ...key, chain, generation, attempt: 'theirs', ttlMs: 9_000 }
      const lease = await store.acquire({ ...theirs, maxHoldMs: 9_000 })
      if (lease.status !== 'acquired') throw new Error(`the lease is not free: ${lease.status}`)
      await store.arm({ ...theirs, heldSinceMs: lease.heldSinceMs })
      await store.release({ ...theirs, outcome: 'lost' })
      acquire.open()
      await expect(waiting).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
      expect(fleet.server.ledger.tokenRequests()).toHaveLength(0)
    },
  )
})
