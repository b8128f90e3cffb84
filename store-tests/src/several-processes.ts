import type { GrantLink, TokenStore } from '@evergrant/core'
import { expect, it } from 'vitest'
import type { StoreJobs } from './processes/jobs.js'
import type { Worker } from './processes/start.js'

const long = 60_000
const pair = { secret: 'secret-1', expiresAtMs: null, renewAtMs: null }
const ROUNDS = 10
const AT_ONCE = 10
const COMMITS = 50

/** Where the cases run; asked when they do, for a store is opened in `beforeAll`. */
export interface Scene {
  /** The test's own. */
  store(): TokenStore
  /** Other processes on the same data, several. */
  workers(): readonly Worker<StoreJobs>[]
}

/** Stores a first link, as an authorization does. */
export async function saved(store: TokenStore, grantId: string): Promise<GrantLink> {
  const link = { provider: 'p', grantId, chain: 'chain-1', generation: 1 } as const
  await store.save({ ...link, ...pair })
  return link
}

/** What every store promises to processes that do the same thing at the same time: cases for the `describe` around. */
export function severalProcesses({ store, workers }: Scene): void {
  async function race(method: 'acquire' | 'commit', request: object): Promise<Record<string, number>> {
    const answers = await Promise.all(workers().map((worker) => worker.ask('race', method, request, AT_ONCE)))
    const counts: Record<string, number> = {}
    for (const status of answers.flat()) counts[status] = (counts[status] ?? 0) + 1
    return counts
  }
  const others = (): number => workers().length * AT_ONCE - 1

  it('gives the lease to exactly one of many that ask at once (P2)', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const request = { ...(await saved(store(), `lease-${round}`)), ttlMs: long, maxHoldMs: long }
      expect(await race('acquire', request)).toEqual({ acquired: 1, busy: others() })
    }
  })

  it('stores exactly one of many successors of one link (P1)', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const request = { ...(await saved(store(), `commit-${round}`)), next: pair }
      expect(await race('commit', request)).toEqual({ committed: 1, superseded: others() })
    }
  })

  it('loses no commit when all rotate one grant as fast as they can', async () => {
    const link = await saved(store(), 'counter')
    const tries = await Promise.all(workers().map((worker) => worker.ask('commitUntil', link, COMMITS)))
    const { record } = await store().load(link)
    expect(record?.generation).toBe(1 + workers().length * COMMITS)
    expect(Math.min(...tries)).toBeGreaterThanOrEqual(COMMITS)
  })

  it('keeps one budget: no window holds more sends than the limit (P4)', async () => {
    const limit = 5
    const windowMs = 200
    const window = { bucket: 'b', limit, windowMs, slotMs: 50, reserve: 0 }
    const request = { ...window, priority: 'caller' as const, member: 'member', waiting: 0 }
    const granted = await Promise.all(workers().map((worker) => worker.ask('drainBudget', request, 700)))
    const slots = granted.flat().sort((a, b) => a.atMs - b.atMs)
    expect(slots.length).toBeGreaterThanOrEqual(10)
    for (const [i, slot] of slots.entries()) {
      const after = slots[i + limit]
      if (after) expect(after.atMs - slot.validUntilMs).toBeGreaterThanOrEqual(windowMs)
    }
  })

  it('claims every due grant once, whoever sweeps', async () => {
    const grantIds = Array.from({ length: 300 }, (_, i) => `due-${i}`)
    const link = { provider: 'sweep', chain: 'c', generation: 1, ...pair } as const
    await Promise.all(grantIds.map((grantId, i) => store().save({ ...link, grantId, renewAtMs: 1 + i })))
    const claimed = await Promise.all(workers().map((worker) => worker.ask('sweep', 'sweep', 20)))
    expect(claimed.flat().sort()).toEqual(grantIds.sort())
  })
}
