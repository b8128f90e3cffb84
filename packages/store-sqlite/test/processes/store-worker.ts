import type { GrantLink, TakeBudgetRequest, TokenStore } from '@evergrant/core'
import Database from 'libsql'
import { sqliteStore } from '../../src/index.js'

/** What a test asks another process to do with the store; each is answered with the result or the error. */
export interface WorkerJobs {
  /** One step of the store. */
  call(method: keyof TokenStore, request: object): unknown
  /** The same step `count` times at once, each with an attempt of its own; answers the statuses. */
  race(method: keyof TokenStore, request: object, count: number): string[]
  /** Commits on top of whatever is stored until `count` commits of its own are in. */
  commitUntil(link: GrantLink, count: number): number
  /** Takes slots as fast as it can; answers when each was granted and until when it may be used. */
  drainBudget(
    request: Omit<TakeBudgetRequest, 'slot'>,
    forMs: number,
  ): { atMs: number; validUntilMs: number }[]
  watch(): void
  /** What was heard since `watch`, with the SQL statements that this process has run since. */
  heard(): { links: { generation: number; atMs: number }[]; gaps: number; statements: number }
}

const path = process.argv[2] ?? ''
const store = sqliteStore({ path })

let statements = 0
const links: { generation: number; atMs: number }[] = []
let gaps = 0

function countStatements(): void {
  const probe = new Database(':memory:')
  const prototype = Object.getPrototypeOf(probe.prepare('SELECT 1')) as Record<string, unknown>
  for (const name of ['get', 'run', 'iterate']) {
    const original = prototype[name] as (...values: unknown[]) => unknown
    prototype[name] = function (this: unknown, ...values: unknown[]) {
      statements++
      return original.apply(this, values)
    }
  }
}
countStatements()

type Call = (request: object) => Promise<{ status: string }>
const stepOf = (method: keyof TokenStore): Call => store[method] as unknown as Call

const jobs: { [K in keyof WorkerJobs]: (...values: Parameters<WorkerJobs[K]>) => unknown } = {
  call: (method, request) => stepOf(method)(request),

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

  async watch() {
    await store.watch({
      changed: ({ generation }) => {
        links.push({ generation, atMs: performance.timeOrigin + performance.now() })
      },
      gap: () => {
        gaps++
      },
    })
    statements = 0
  },

  heard: () => ({ links, gaps, statements }),
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
