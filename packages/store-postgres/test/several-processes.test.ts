import { expectCommitsHeard } from '@evergrant/store-tests/commits-heard'
import { startWorker, type Worker } from '@evergrant/store-tests/processes/start'
import { saved, severalProcesses } from '@evergrant/store-tests/several-processes'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresStore, type WatchedPostgresStore } from '../src/index.js'
import { serverIsThere, useDatabase } from './database.js'
import type { WorkerJobs } from './processes/store-worker.js'

describe.skipIf(!serverIsThere)('several processes on one server', () => {
  const database = useDatabase('empty')
  let store: WatchedPostgresStore
  let workers: readonly Worker<WorkerJobs>[] = []

  beforeAll(async () => {
    const program = new URL('./processes/store-worker.ts', import.meta.url)
    const start = () => startWorker<WorkerJobs>(program, { ...database.connection, max: 8 })
    workers = await Promise.all(Array.from({ length: 4 }, start))
    store = postgresStore({ pool: database.pool() })
  })
  afterAll(() => {
    for (const { child } of workers) child.kill('SIGKILL')
  })

  it('migrate in all of them at the same moment, as at a deployment', async () => {
    await Promise.all(workers.flatMap((worker) => [worker.ask('migrate'), worker.ask('migrate')]))
    expect((await saved(store, 'first')).generation).toBe(1)
  })

  severalProcesses({ store: () => store, workers: () => workers })

  it('hears of commits of other processes within 20 ms', async () => {
    await expectCommitsHeard(store, workers.slice(0, 3), { commits: 40, burstMs: 4, restMs: 40 })
  })
})
