import type { GrantLink } from '@evergrant/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { postgresStore, type WatchedPostgresStore } from '../src/index.js'
import { serverIsThere, useDatabase } from './database.js'
import { startWorker, type Worker } from './processes/start.js'

const long = 60_000
const pair = { secret: 'secret-1', expiresAtMs: null, renewAtMs: null }

describe.skipIf(!serverIsThere)('several processes on one server', () => {
  const database = useDatabase('empty')
  let store: WatchedPostgresStore
  let workers: Worker[]

  beforeAll(async () => {
    const connection = { ...database.connection, max: 8 }
    workers = await Promise.all(Array.from({ length: 4 }, () => startWorker(connection)))
    store = postgresStore({ pool: database.pool() })
  })

  async function saved(grantId: string): Promise<GrantLink> {
    const link = { provider: 'p', grantId, chain: 'chain-1', generation: 1 } as const
    await store.save({ ...link, ...pair })
    return link
  }

  const count = (statuses: readonly string[], status: string): number =>
    statuses.filter((each) => each === status).length

  it('migrate in all of them at the same moment, as at a deployment', async () => {
    await Promise.all(workers.flatMap((worker) => [worker.ask('migrate'), worker.ask('migrate')]))
    expect((await saved('first')).generation).toBe(1)
  })

  it('gives the lease to exactly one of many that ask at once (P2)', async () => {
    for (let round = 0; round < 5; round++) {
      const request = { ...(await saved(`lease-${round}`)), ttlMs: long, maxHoldMs: long }
      const answers = await Promise.all(workers.map((worker) => worker.ask('race', 'acquire', request, 10)))
      expect(count(answers.flat(), 'acquired')).toBe(1)
      expect(count(answers.flat(), 'busy')).toBe(39)
    }
  })

  it('stores exactly one of many successors of one link (P1)', async () => {
    for (let round = 0; round < 5; round++) {
      const request = { ...(await saved(`commit-${round}`)), next: pair }
      const answers = await Promise.all(workers.map((worker) => worker.ask('race', 'commit', request, 10)))
      expect(count(answers.flat(), 'committed')).toBe(1)
      expect(count(answers.flat(), 'superseded')).toBe(39)
    }
  })

  it('loses no commit when all rotate one grant as fast as they can', async () => {
    const link = await saved('counter')
    const tries = await Promise.all(workers.map((worker) => worker.ask('commitUntil', link, 50)))
    const { record } = await store.load(link)
    expect(record?.generation).toBe(1 + 4 * 50)
    expect(Math.min(...tries)).toBeGreaterThanOrEqual(50)
  })

  it('keeps one budget: no window holds more sends than the limit (P4)', async () => {
    const limit = 5
    const windowMs = 200
    const window = { bucket: 'b', limit, windowMs, slotMs: 50 }
    const request = { ...window, priority: 'caller' as const, reserve: 0, member: 'member', waiting: 0 }
    const granted = await Promise.all(workers.map((worker) => worker.ask('drainBudget', request, 700)))
    const slots = granted.flat().sort((a, b) => a.atMs - b.atMs)
    expect(slots.length).toBeGreaterThanOrEqual(10)
    for (const [i, slot] of slots.entries()) {
      const after = slots[i + limit]
      if (after) expect(after.atMs - slot.validUntilMs).toBeGreaterThanOrEqual(windowMs)
    }
  })

  it('hears of commits of other processes within 20 ms', async () => {
    const link = await saved('watched')
    const watchers = workers.slice(0, 3)
    await Promise.all(watchers.map((worker) => worker.ask('watch')))
    const committedAtMs = new Map<number, number>()
    for (let generation = 1; generation <= 40; generation++) {
      const attempt = `attempt-${generation}`
      committedAtMs.set(generation + 1, performance.timeOrigin + performance.now())
      await store.commit({ ...link, generation, attempt, next: pair })
      // From bursts, where every notice is behind another, to single ones.
      await new Promise((resolve) => setTimeout(resolve, generation % 4 === 0 ? 40 : 4))
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
    const reports = await Promise.all(watchers.map((worker) => worker.ask('heard')))
    const latencies: number[] = []
    for (const { links, gaps } of reports) {
      expect(gaps).toBe(0)
      expect(links.map(({ generation }) => generation)).toEqual([...committedAtMs.keys()])
      for (const heard of links) latencies.push(heard.atMs - (committedAtMs.get(heard.generation) ?? 0))
    }
    latencies.sort((a, b) => a - b)
    const medianMs = latencies[latencies.length >> 1] ?? Number.POSITIVE_INFINITY
    const figures = { medianMs, worstMs: latencies.at(-1) }
    console.log('commit begun to notice heard, 3 processes:', JSON.stringify(figures))
    expect(medianMs).toBeLessThanOrEqual(20)
  })
})
