import type { GrantLink, TakeBudgetRequest, TokenStore } from '@evergrant/core'
import pg from 'pg'
import { migrate, postgresStore } from '../../src/index.js'

/** What a test asks another process to do with the store; each is answered with the result or the error. */
export interface WorkerJobs {
  migrate(): void
  /** One step `count` times at once, each with an attempt of its own; answers the statuses. */
  race(method: keyof TokenStore, request: object, count: number): string[]
  /** Commits on top of whatever is stored until `count` commits of its own are in. */
  commitUntil(link: GrantLink, count: number): number
  /** Takes slots as fast as it can; answers when each was granted and until when it may be used. */
  drainBudget(
    request: Omit<TakeBudgetRequest, 'slot'>,
    forMs: number,
  ): { atMs: number; validUntilMs: number }[]
  watch(): void
  /** What was heard since `watch`. */
  heard(): { links: { generation: number; atMs: number }[]; gaps: number }
}

const pool = new pg.Pool(JSON.parse(process.argv[2] ?? '{}') as pg.PoolConfig)
pool.on('error', () => {})
const store = postgresStore({ pool })

const links: { generation: number; atMs: number }[] = []
let gaps = 0

type Call = (request: object) => Promise<{ status: string }>

const jobs: { [K in keyof WorkerJobs]: (...values: Parameters<WorkerJobs[K]>) => unknown } = {
  migrate: () => migrate(pool),

  async race(method, request, count) {
    const step = store[method] as unknown as Call
    const calls = Array.from({ length: count }, (_, i) =>
      step({ ...request, attempt: `${process.pid}-${i}` }),
    )
    return (await Promise.all(calls)).map(({ status }) => status)
  },

  async commitUntil(link, count) {
    let tries = 0
    for (let committed = 0; committed < count; tries++) {
      const { record } = await store.load(link)
      const attempt = `${process.pid}-${tries}`
      const next = { secret: attempt, expiresAtMs: null, renewAtMs: null }
      const answer = await store.commit({ ...link, generation: record?.generation ?? 0, attempt, next })
      if (answer.status === 'committed') committed++
    }
    return tries
  },

  async drainBudget(request, forMs) {
    const granted: { atMs: number; validUntilMs: number }[] = []
    const endMs = Date.now() + forMs
    for (let i = 0; Date.now() < endMs; i++) {
      const answer = await store.takeBudget({ ...request, slot: `${process.pid}-${i}` })
      if (answer.status === 'granted') granted.push({ atMs: answer.nowMs, validUntilMs: answer.validUntilMs })
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
    return granted
  },

  async watch() {
    await store.watch({
      changed: ({ generation }) => {
        links.push({ generation, atMs: performance.timeOrigin + performance.now() })
      },
      gap: () => {
        gaps++
      },
    })
  },

  heard: () => ({ links, gaps }),
}

process.on('message', (message: { id: number; job: keyof WorkerJobs; values: unknown[] }) => {
  const run = jobs[message.job] as (...values: unknown[]) => unknown
  Promise.resolve()
    .then(() => run(...message.values))
    .then(
      (result) => process.send?.({ id: message.id, result }),
      (error: Error) => process.send?.({ id: message.id, error: String(error) }),
    )
})
process.send?.({ id: 0 })
