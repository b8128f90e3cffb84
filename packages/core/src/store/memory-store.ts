import { type BudgetBucket, emptyBucket, penalizeStep, takeBudgetStep } from './budget-steps.js'
import {
  acquireStep,
  armStep,
  commitStep,
  failStep,
  releaseStep,
  type StepResult,
  type StoredGrant,
  saveStep,
} from './grant-steps.js'
import type { GrantKey, GrantSummary, StoreWatcher, TokenStore } from './token-store.js'

/** What {@link memoryStore} takes. */
export interface MemoryStoreOptions {
  /** The store's clock, epoch milliseconds. @defaultValue `Date.now` */
  readonly now?: () => number
}

const rowKey = ({ provider, grantId }: GrantKey): string => JSON.stringify([provider, grantId])

/** A claim that came to nothing is due again from its end. */
const dueSinceMs = ({ record, claimedUntilMs = 0 }: StoredGrant): number =>
  Math.max(record.renewAtMs ?? 0, claimedUntilMs)

/** Order by UTF-8 bytes, as databases with a binary collation do (UTF-16 order differs for emoji). */
const utf8 = new TextEncoder()
function compareUtf8(a: string, b: string): number {
  const [x, y] = [utf8.encode(a), utf8.encode(b)]
  const shared = Math.min(x.length, y.length)
  for (let i = 0; i < shared; i++) if (x[i] !== y[i]) return (x[i] ?? 0) - (y[i] ?? 0)
  return x.length - y.length
}

/**
 * The reference store: keeps grants in this process's memory. For tests, and for client-credentials grants,
 * whose tokens can be had again at any time.
 *
 * Does not outlive the process: a single-use refresh token kept only here is lost with it.
 */
export function memoryStore(options: MemoryStoreOptions = {}): TokenStore {
  const now = options.now ?? Date.now
  const grants = new Map<string, StoredGrant>()
  const buckets = new Map<string, BudgetBucket>()
  const watchers = new Set<StoreWatcher>()

  const notify = (key: GrantKey): void => {
    const { chain = '', generation = 0 } = grants.get(rowKey(key))?.record ?? {}
    const link = { provider: key.provider, grantId: key.grantId, chain, generation }
    for (const watcher of watchers) watcher.changed(link)
  }

  /** Runs one pure step and keeps its result: nothing can happen in between. */
  function apply<A>(
    key: GrantKey,
    step: (grant: StoredGrant | undefined, nowMs: number) => StepResult<A>,
  ): { answer: A; nowMs: number; changed: boolean } {
    const nowMs = now()
    const { answer, next } = step(grants.get(rowKey(key)), nowMs)
    if (next) grants.set(rowKey(key), next)
    return { answer, nowMs, changed: next !== undefined }
  }

  return {
    async load(key) {
      return { nowMs: now(), record: grants.get(rowKey(key))?.record }
    },

    async save(request) {
      const { answer, nowMs, changed } = apply(request, (grant, at) => saveStep(grant, request, at))
      if (changed) notify(request)
      return { ...answer, nowMs }
    },

    async acquire(request) {
      const { answer, nowMs } = apply(request, (grant, at) => acquireStep(grant, request, at))
      return { ...answer, nowMs }
    },

    async arm(request) {
      const { answer, nowMs } = apply(request, (grant, at) => armStep(grant, request, at))
      return { ...answer, nowMs }
    },

    async release(request) {
      const { answer: freed } = apply(request, (grant) => releaseStep(grant, request))
      if (freed) notify(request)
    },

    async commit(request) {
      const { answer, nowMs, changed } = apply(request, (grant, at) => commitStep(grant, request, at))
      if (changed) notify(request)
      return { ...answer, nowMs }
    },

    async fail(request) {
      const { answer, nowMs, changed } = apply(request, (grant, at) => failStep(grant, request, at))
      if (changed) notify(request)
      return { ...answer, nowMs }
    },

    async replaceSecret(request) {
      const grant = grants.get(rowKey(request))
      if (!grant) return { status: 'missing' }
      const { record } = grant
      const same = record.chain === request.chain && record.generation === request.generation
      if (!same || record.secret !== request.from) return { status: 'changed' }
      grants.set(rowKey(request), { ...grant, record: { ...record, secret: request.to } })
      return { status: 'replaced' }
    },

    async remove({ expectedChain, ...key }) {
      const record = grants.get(rowKey(key))?.record
      if (!record || (expectedChain !== undefined && record.chain !== expectedChain))
        return { record: undefined }
      grants.delete(rowKey(key))
      notify(key)
      return { record }
    },

    async takeBudget(request) {
      const nowMs = now()
      const { answer, next } = takeBudgetStep(buckets.get(request.bucket) ?? emptyBucket, request, nowMs)
      buckets.set(request.bucket, next)
      return { ...answer, nowMs }
    },

    async penalize({ bucket, untilMs }) {
      buckets.set(bucket, penalizeStep(buckets.get(bucket) ?? emptyBucket, untilMs))
    },

    async claimDue({ provider, beforeMs, limit, holdMs }) {
      const nowMs = now()
      const due = [...grants.values()]
        .filter(({ record, claimedUntilMs = 0 }) => {
          const renewAtMs = record.provider === provider && record.state === 'live' ? record.renewAtMs : null
          return renewAtMs !== null && renewAtMs <= beforeMs && claimedUntilMs <= nowMs
        })
        .sort((a, b) => dueSinceMs(a) - dueSinceMs(b))
        .slice(0, limit)
      for (const grant of due) grants.set(rowKey(grant.record), { ...grant, claimedUntilMs: nowMs + holdMs })
      return { nowMs, keys: due.map(({ record }) => ({ provider, grantId: record.grantId })) }
    },

    async list({ provider, after, limit, state }) {
      const matching = [...grants.values()]
        .map(({ record }) => record)
        .filter((record) => record.provider === provider && (state === undefined || record.state === state))
        .filter((record) => after === undefined || compareUtf8(record.grantId, after) > 0)
        .sort((a, b) => compareUtf8(a.grantId, b.grantId))
      const records = matching.slice(0, limit).map(({ secret: _, ...summary }): GrantSummary => summary)
      const last = records.at(-1)
      return matching.length > limit && last ? { records, next: last.grantId } : { records }
    },

    async watch(watcher) {
      watchers.add(watcher)
      return async () => void watchers.delete(watcher)
    },
  }
}
