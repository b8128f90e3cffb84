import type { GrantLink, TakeBudgetRequest, TokenStore } from '@evergrant/core'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { ioredisStore, nodeRedisStore, type RedisStore } from '../../src/index.js'

/** What a test asks another process to do with the store; each is answered with the result or the error. */
export interface WorkerJobs {
  /** The same step `count` times at once, each with an attempt of its own; answers the statuses. */
  race(method: 'acquire' | 'commit', request: object, count: number): Promise<string[]>
  /** Commits on top of whatever is stored until `count` commits of its own are in. */
  commitUntil(link: GrantLink, count: number): Promise<number>
  /** Takes slots as fast as it can; answers when each was granted and until when it may be used. */
  drainBudget(
    request: Omit<TakeBudgetRequest, 'slot'>,
    forMs: number,
  ): Promise<{ atMs: number; validUntilMs: number }[]>
  /** Claims until nothing is due. */
  sweep(provider: string, limit: number): Promise<string[]>
  watch(): Promise<void>
  /** What was heard since `watch`. */
  heard(): { links: { generation: number; atMs: number }[]; gaps: number }
}

const [library = '', url = ''] = process.argv.slice(2)

async function connect(): Promise<RedisStore> {
  if (library === 'ioredis') return ioredisStore({ client: new Redis(url).on('error', () => {}) })
  const client = createClient({ url })
  await client.on('error', () => {}).connect()
  return nodeRedisStore({ client })
}
const store = await connect()

type Call = (request: object) => Promise<{ readonly status: string }>
const stepOf = (method: keyof TokenStore): Call => store[method] as unknown as Call

const links: { generation: number; atMs: number }[] = []
let gaps = 0

const jobs: WorkerJobs = {
  async race(method, request, count) {
    const calls = Array.from({ length: count }, (_, i) =>
      stepOf(method)({ ...request, attempt: `${process.pid}-${i}` }),
    )
    return (await Promise.all(calls)).map(({ status }) => status)
  },

  async commitUntil(link, count) {
    let tries = 0
    for (let committed = 0; committed < count; tries++) {
      const { record } = await store.load(link)
      const attempt = `${process.pid}-${tries}`
      const next = { secret: attempt, expiresAtMs: null, renewAtMs: null }
      const generation = record?.generation ?? 0
      const answer = await store.commit({ ...link, generation, attempt, next })
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

  async sweep(provider, limit) {
    const claimed: string[] = []
    for (;;) {
      const { keys } = await store.claimDue({ provider, beforeMs: 1e12, limit, holdMs: 60_000 })
      if (keys.length === 0) return claimed
      claimed.push(...keys.map(({ grantId }) => grantId))
    }
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
