import type { GrantLink, TakeBudgetRequest, TokenStore } from '@evergrant/core'

/** What a test asks another process to do with its store. */
export interface StoreJobs {
  /** The same step `count` times at once, each with an attempt of its own; answers the statuses. */
  race(method: 'acquire' | 'commit', request: object, count: number): Promise<string[]>
  /** Commits on top of whatever is stored until `count` commits of its own are in; answers how many tries that took. */
  commitUntil(link: GrantLink, count: number): Promise<number>
  /** Takes slots as fast as it can; answers when each was granted and until when it may be used. */
  drainBudget(
    request: Omit<TakeBudgetRequest, 'slot'>,
    forMs: number,
  ): Promise<{ atMs: number; validUntilMs: number }[]>
  /** Claims until nothing is due; answers the ids of the grants. */
  sweep(provider: string, limit: number): Promise<string[]>
  watch(): Promise<void>
  /** What was heard since `watch`; instants are comparable between the processes of one machine. */
  heard(): { links: { generation: number; atMs: number }[]; gaps: number }
}

type Call = (request: object) => Promise<{ readonly status: string }>

export function storeJobs(store: TokenStore): StoreJobs {
  const links: { generation: number; atMs: number }[] = []
  let gaps = 0

  return {
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
        if (answer.status === 'granted')
          granted.push({ atMs: answer.nowMs, validUntilMs: answer.validUntilMs })
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
      await store.watch?.({
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
}
