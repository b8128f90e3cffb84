import type { BudgetBucket, StoredGrant, TokenStore } from '@evergrant/core'
import type { Core } from '../core.js'
import type { SimProcess } from '../fleet/sim-process.js'
import { createRenewalCalendar } from './renewal-calendar.js'

/**
 * One store for the whole fleet: core's own steps, as the memory store has them, and a calendar for its index. Each
 * grant is kept as one string: a million objects of twenty fields would keep the collector busy all year.
 */
export interface YearStore {
  grant(index: number): StoredGrant | undefined
  /** Grants marked dead. */
  readonly deaths: number
  client(process: SimProcess): TokenStore
}

export interface YearStoreOptions {
  readonly grants: number
  readonly now: () => number
  readonly isDown: () => boolean
}

/** There and back. */
const WAY_MS = 2

export const grantIdOf = (index: number): string => `g${index}`
export const indexOf = (grantId: string): number => Number(grantId.slice(1))

export function createYearStore(core: Core, { grants: size, now, isDown }: YearStoreOptions): YearStore {
  const grants = Array.from<string | undefined>({ length: size })
  const calendar = createRenewalCalendar(size)
  const buckets = new Map<string, BudgetBucket>()
  let deaths = 0

  function grant(index: number): StoredGrant | undefined {
    const packed = grants[index]
    return packed === undefined ? undefined : (JSON.parse(packed) as StoredGrant)
  }

  function change<A extends object | boolean>(
    { grantId }: { readonly grantId: string },
    step: (
      grant: StoredGrant | undefined,
      nowMs: number,
    ) => { readonly answer: A; readonly next?: StoredGrant },
  ): A {
    const index = indexOf(grantId)
    const before = grant(index)
    const { answer, next } = step(before, Math.floor(now()))
    if (!next) return answer
    grants[index] = JSON.stringify(next)
    const { record } = next
    const isOther = before?.record.generation !== record.generation || before.record.chain !== record.chain
    if (isOther && record.renewAtMs !== null) calendar.put(index, record.renewAtMs)
    if (record.state === 'dead' && before?.record.state !== 'dead') deaths += 1
    return answer
  }

  function client(process: SimProcess): TokenStore {
    function ask<A>(carryOut: (nowMs: number) => A): Promise<A> {
      return new Promise<A>((resolve, reject) => {
        process.post(WAY_MS, 'store', () => {
          if (isDown()) reject(new core.EvergrantError('STORE_UNAVAILABLE', 'The simulated store is down'))
          else resolve(carryOut(Math.floor(now())))
        })
      })
    }
    return {
      load: ({ grantId }) => ask((nowMs) => ({ record: grant(indexOf(grantId))?.record, nowMs })),
      save: (request) =>
        ask((nowMs) => ({ ...change(request, (before, at) => core.saveStep(before, request, at)), nowMs })),
      acquire: (request) =>
        ask((nowMs) => ({
          ...change(request, (before, at) => core.acquireStep(before, request, at)),
          nowMs,
        })),
      arm: (request) =>
        ask((nowMs) => ({ ...change(request, (before, at) => core.armStep(before, request, at)), nowMs })),
      release: (request) => ask(() => void change(request, (before) => core.releaseStep(before, request))),
      commit: (request) =>
        ask((nowMs) => ({ ...change(request, (before, at) => core.commitStep(before, request, at)), nowMs })),
      fail: (request) =>
        ask((nowMs) => ({ ...change(request, (before, at) => core.failStep(before, request, at)), nowMs })),
      replaceSecret: () => Promise.reject(new Error('nothing is sealed in this year')),
      remove: () => Promise.reject(new Error('nothing is removed in this year')),
      takeBudget: (request) =>
        ask((nowMs) => {
          const bucket = buckets.get(request.bucket) ?? core.emptyBucket
          const { answer, next } = core.takeBudgetStep(bucket, request, nowMs)
          buckets.set(request.bucket, next)
          return { ...answer, nowMs }
        }),
      penalize: ({ bucket, untilMs }) =>
        ask(
          () => void buckets.set(bucket, core.penalizeStep(buckets.get(bucket) ?? core.emptyBucket, untilMs)),
        ),
      claimDue: ({ provider, beforeMs, limit, holdMs }) =>
        ask((nowMs) => {
          const due = calendar.take(beforeMs, limit)
          // Due again when the claim ends, unless a commit says otherwise.
          for (const index of due) calendar.put(index, nowMs + holdMs)
          return { keys: due.map((index) => ({ provider, grantId: grantIdOf(index) })), nowMs }
        }),
      list: () => ask(() => ({ records: [] })),
    }
  }

  return {
    grant,
    get deaths() {
      return deaths
    },
    client,
  }
}
