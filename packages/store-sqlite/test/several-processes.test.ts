import { expectCommitsHeard } from '@evergrant/store-tests/commits-heard'
import { startWorker, type Worker } from '@evergrant/store-tests/processes/start'
import { severalProcesses } from '@evergrant/store-tests/several-processes'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type SqliteStore, sqliteStore } from '../src/index.js'
import { freshPath } from './database-folder.js'
import type { WorkerJobs } from './processes/store-worker.js'

describe('several processes on one file', () => {
  const path = freshPath()
  let store: SqliteStore
  let eight: readonly Worker<WorkerJobs>[] = []
  const workers = () => eight.slice(0, 4)

  beforeAll(async () => {
    store = sqliteStore({ path })
    const program = new URL('./processes/store-worker.ts', import.meta.url)
    eight = await Promise.all(Array.from({ length: 8 }, () => startWorker<WorkerJobs>(program, path)))
  })
  afterAll(async () => {
    for (const { child } of eight) child.kill('SIGKILL')
    await store.close()
  })

  it('is created once when eight processes open a new file at the same moment', async () => {
    const grant = {
      chain: 'c',
      generation: 1,
      secret: 'secret-1',
      expiresAtMs: null,
      renewAtMs: null,
    } as const
    const save = (worker: Worker<WorkerJobs>, i: number) =>
      worker.ask('save', { provider: 'race', grantId: `g-${i}`, ...grant })
    await Promise.all(eight.map(save))
    for (const { child } of eight.slice(4)) child.kill('SIGKILL')
    const { records } = await store.list({ provider: 'race', limit: 100 })
    expect(records).toHaveLength(8)
  })

  severalProcesses({ store: () => store, workers })

  it('hears of commits of other processes within 20 ms, with at most 5 reads a second', async () => {
    const watchers = workers().slice(0, 3)
    const { seconds } = await expectCommitsHeard(store, watchers, { commits: 40, burstMs: 4, restMs: 60 })
    const statements = await Promise.all(watchers.map((worker) => worker.ask('statements')))
    console.log('SQL statements a second meanwhile:', statements.map((count) => count / seconds).join(', '))
    for (const count of statements) expect(count / seconds).toBeLessThanOrEqual(5)
  })
})
