import type { TokenStore } from '@evergrant/core'
import { expect } from 'vitest'
import type { StoreJobs } from './processes/jobs.js'
import type { Worker } from './processes/start.js'
import { saved } from './several-processes.js'

const WITHIN_MS = 20

/** How the commits come: from bursts, where every notice is behind another, to single ones. */
export interface Pace {
  readonly commits: number
  /** Between the commits of a burst. */
  readonly burstMs: number
  /** After every fourth. */
  readonly restMs: number
}

/**
 * Each watcher hears of every commit once, in order and without a gap, half of them within 20 ms of the commit's begin.
 * Resolves with how long it took.
 */
export async function expectCommitsHeard(
  store: TokenStore,
  watchers: readonly Worker<StoreJobs>[],
  { commits, burstMs, restMs }: Pace,
): Promise<{ readonly seconds: number }> {
  const link = await saved(store, 'watched')
  await Promise.all(watchers.map((worker) => worker.ask('watch')))
  const committedAtMs = new Map<number, number>()
  const beganMs = performance.now()
  for (let generation = 1; generation <= commits; generation++) {
    const next = { secret: `secret-${generation + 1}`, expiresAtMs: null, renewAtMs: null }
    committedAtMs.set(generation + 1, performance.timeOrigin + performance.now())
    await store.commit({ ...link, generation, attempt: `attempt-${generation}`, next })
    await new Promise((resolve) => setTimeout(resolve, generation % 4 === 0 ? restMs : burstMs))
  }
  await new Promise((resolve) => setTimeout(resolve, 100))
  const seconds = (performance.now() - beganMs) / 1_000
  const latencies: number[] = []
  for (const { links, gaps } of await Promise.all(watchers.map((worker) => worker.ask('heard')))) {
    expect(gaps).toBe(0)
    expect(links.map(({ generation }) => generation)).toEqual([...committedAtMs.keys()])
    for (const heard of links) latencies.push(heard.atMs - (committedAtMs.get(heard.generation) ?? 0))
  }
  latencies.sort((a, b) => a - b)
  const medianMs = latencies[latencies.length >> 1] ?? Number.POSITIVE_INFINITY
  const figures = { medianMs, worstMs: latencies.at(-1) }
  console.log(`commit begun to notice heard, ${watchers.length} processes:`, JSON.stringify(figures))
  expect(medianMs).toBeLessThanOrEqual(WITHIN_MS)
  return { seconds }
}
