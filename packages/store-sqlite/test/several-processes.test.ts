import type { GrantLink } from '@evergrant/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SqliteStore, sqliteStore } from '../src/index.js'
import { freshPath } from './database-folder.js'
import { startWorker, type Worker } from './processes/start.js'

const long = 60_000
const pair = { secret: 'secret-1', expiresAtMs: null, renewAtMs: null }

describe('several processes on one file', () => {
  const path = freshPath()
  let store: SqliteStore
  let eight: Worker[]
  let workers: Worker[]

  beforeAll(async () => {
    store = sqliteStore({ path })
    eight = await Promise.all(Array.from({ length: 8 }, () => startWorker(path)))
    workers = eight.slice(0, 4)
  })
  afterAll(() => store.close())

  async function saved(grantId: string): Promise<GrantLink> {
    const link = { provider: 'p', grantId, chain: 'chain-1', generation: 1 } as const
    await store.save({ ...link, ...pair })
    return link
  }

  const count = (statuses: readonly string[], status: string): number =>
    statuses.filter((each) => each === status).length

  it('is created once when eight processes open a new file at the same moment', async () => {
    const save = (worker: Worker, i: number) =>
      worker.ask('call', 'save', { provider: 'race', grantId: `g-${i}`, chain: 'c', generation: 1, ...pair })
    await Promise.all(eight.map(save))
    for (const { child } of eight.slice(4)) child.kill('SIGKILL')
    const { records } = await store.list({ provider: 'race', limit: 100 })
    expect(records).toHaveLength(8)
  })

  it('gives the lease to exactly one of many that ask at once (P2)', async () => {
    for (let round = 0; round < 5; round++) {
      const link = await saved(`lease-${round}`)
      const request = { ...link, ttlMs: long, maxHoldMs: long }
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
    const request = {
      bucket: 'b',
      limit,
      windowMs,
      slotMs: 50,
      priority: 'caller' as const,
      reserve: 0,
      member: 'member',
      waiting: 0,
    }
    const granted = await Promise.all(workers.map((worker) => worker.ask('drainBudget', request, 700)))
    const slots = granted.flat().sort((a, b) => a.atMs - b.atMs)
    expect(slots.length).toBeGreaterThanOrEqual(10)
    for (const [i, slot] of slots.entries()) {
      const after = slots[i + limit]
      if (after) expect(after.atMs - slot.validUntilMs).toBeGreaterThanOrEqual(windowMs)
    }
  })

  it('hears of commits of other processes within 20 ms, with at most 5 reads a second', async () => {
    const link = await saved('watched')
    const watchers = workers.slice(0, 3)
    await Promise.all(watchers.map((worker) => worker.ask('watch')))
    const committedAtMs = new Map<number, number>()
    const commits = 40
    const beganMs = performance.now()
    for (let generation = 1; generation <= commits; generation++) {
      const attempt = `attempt-${generation}`
      committedAtMs.set(generation + 1, performance.timeOrigin + performance.now())
      await store.commit({ ...link, generation, attempt, next: pair })
      // From bursts, where every notice is behind another, to single ones.
      await new Promise((resolve) => setTimeout(resolve, generation % 4 === 0 ? 60 : 4))
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
    const seconds = (performance.now() - beganMs) / 1_000
    const reports = await Promise.all(watchers.map((worker) => worker.ask('heard')))
    const latencies: number[] = []
    for (const { links, gaps, statements } of reports) {
      expect(gaps).toBe(0)
      expect(links.map(({ generation }) => generation)).toEqual([...committedAtMs.keys()])
      expect(statements / seconds).toBeLessThanOrEqual(5)
      for (const heard of links) latencies.push(heard.atMs - (committedAtMs.get(heard.generation) ?? 0))
    }
    latencies.sort((a, b) => a - b)
    const medianMs = latencies[latencies.length >> 1] ?? Number.POSITIVE_INFINITY
    const figures = {
      medianMs,
      worstMs: latencies.at(-1),
      sqlPerSecond: (reports[0]?.statements ?? 0) / seconds,
    }
    console.log('commit begun to notice heard, 3 processes:', JSON.stringify(figures))
    expect(medianMs).toBeLessThanOrEqual(20)
  })
})
