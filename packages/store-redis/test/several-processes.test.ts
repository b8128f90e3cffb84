import { expectCommitsHeard } from '@evergrant/store-tests/commits-heard'
import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import type { StoreJobs } from '@evergrant/store-tests/processes/jobs'
import { startWorker, type Worker } from '@evergrant/store-tests/processes/start'
import { startRedis } from '@evergrant/store-tests/redis-server'
import { severalProcesses } from '@evergrant/store-tests/several-processes'
import { afterAll, beforeAll, it } from 'vitest'
import { type ConnectedStore, connectNodeRedis } from './clients.js'
import type { Setup } from './processes/store-worker.js'

describeWithRedis('several processes on one server', () => {
  let own: ConnectedStore
  let workers: readonly Worker<StoreJobs>[] = []

  beforeAll(async () => {
    const server = await startRedis()
    const program = new URL('./processes/store-worker.ts', import.meta.url)
    const libraries: readonly Setup['library'][] = ['node-redis', 'ioredis', 'node-redis', 'ioredis']
    const start = (library: Setup['library']) =>
      startWorker<StoreJobs>(program, { library, url: server.url } satisfies Setup)
    workers = await Promise.all(libraries.map(start))
    own = await connectNodeRedis([server])
  })
  afterAll(async () => {
    for (const { child } of workers) child.kill('SIGKILL')
    await own?.close()
  })

  severalProcesses({ store: () => own.store, workers: () => workers })

  it('hears of commits of other processes within 20 ms', async () => {
    await expectCommitsHeard(own.store, workers, { commits: 60, burstMs: 2, restMs: 25 })
  })
})
