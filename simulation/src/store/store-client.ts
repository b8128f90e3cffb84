import type { StoreWatcher, TokenStore } from '@evergrant/core'
import type { Core } from '../core.js'
import { type ClockMark, markClocks } from '../fleet/clock-mark.js'
import type { SimProcess } from '../fleet/sim-process.js'
import type { Scheduler } from '../time/scheduler.js'
import type { SimStore, StoreStep, StoreWrite } from './sim-store.js'

/** What becomes of one message exchange with a store. */
export type StoreFate =
  | { readonly kind: 'served'; readonly thereMs: number; readonly backMs: number }
  /** Refused at once. */
  | { readonly kind: 'away'; readonly backMs: number }
  | { readonly kind: 'request-lost'; readonly failsMs: number }
  | { readonly kind: 'answer-lost'; readonly thereMs: number; readonly failsMs: number }
  /** Reported as failed, carried out later. */
  | { readonly kind: 'request-late'; readonly failsMs: number; readonly lateMs: number }
  /** Carried out now, and once more later. */
  | { readonly kind: 'duplicate'; readonly thereMs: number; readonly backMs: number; readonly lateMs: number }

/** What a client's calls run through. */
export interface StoreLine {
  readonly store: SimStore
  /** Decided when the request leaves. */
  fate(process: SimProcess, step: StoreStep, request: unknown): StoreFate
  /** Whether the store serves when the request arrives. */
  isUp(): boolean
  /** Told of every step that was carried out, and for whom. */
  carriedOut(process: SimProcess, write: StoreWrite): void
  /** Told of every answer that reached its process. */
  answered(process: SimProcess, write: StoreWrite, askedAt: ClockMark): void
  /** Told of every failure that the client saw. */
  failed(
    process: SimProcess,
    step: StoreStep,
    request: unknown,
    how: { readonly kind: string; readonly askedAtMs: number; readonly failsAtMs: number },
  ): void
  watch?(process: SimProcess, watcher: StoreWatcher): () => void
}

/** One process's client of a simulated store. */
export function storeClient(core: Core, process: SimProcess, line: StoreLine, time: Scheduler): TokenStore {
  const { store } = line
  const prefix = store.name

  function ask<A>(step: StoreStep, request: unknown): Promise<A> {
    return new Promise<A>((resolve, reject) => {
      const fate = line.fate(process, step, request)
      const askedAt = markClocks(process, time)
      process.pending += 1
      const settle = (then: () => void) => (): void => {
        process.pending -= 1
        then()
      }
      const fails = (afterMs: number, kind: string): void => {
        line.failed(process, step, request, {
          kind,
          askedAtMs: askedAt.trueMs,
          failsAtMs: time.nowMs + afterMs,
        })
        const error = new core.EvergrantError('STORE_UNAVAILABLE', 'The simulated store is away')
        process.post(
          afterMs,
          `${prefix} ${step} fails`,
          settle(() => reject(error)),
        )
      }
      const answers = (write: StoreWrite, backMs: number): void =>
        process.post(
          backMs,
          `${prefix} ${step} answers`,
          settle(() => {
            line.answered(process, write, askedAt)
            resolve(write.answer as A)
          }),
        )
      const carryOut = (): StoreWrite => {
        const write = store.run(step, request)
        line.carriedOut(process, write)
        return write
      }
      const arrive = (backMs: number): void => {
        if (line.isUp()) answers(carryOut(), backMs)
        else fails(backMs, 'away')
      }
      switch (fate.kind) {
        case 'served':
          time.after(fate.thereMs, `${prefix} ${step}`, () => arrive(fate.backMs))
          break
        case 'away':
          fails(fate.backMs, fate.kind)
          break
        case 'request-lost':
          fails(fate.failsMs, fate.kind)
          break
        case 'answer-lost':
          time.after(fate.thereMs, `${prefix} ${step}`, () => {
            if (line.isUp()) carryOut()
          })
          fails(fate.failsMs, fate.kind)
          break
        case 'request-late':
          fails(fate.failsMs, fate.kind)
          time.after(fate.lateMs, `${prefix} ${step} late`, () => {
            if (line.isUp()) carryOut()
          })
          break
        case 'duplicate':
          time.after(fate.thereMs, `${prefix} ${step}`, () => arrive(fate.backMs))
          time.after(fate.lateMs, `${prefix} ${step} again`, () => {
            if (line.isUp()) carryOut()
          })
          break
      }
    })
  }

  return {
    load: (request) => ask('load', request),
    save: (request) => ask('save', request),
    acquire: (request) => ask('acquire', request),
    arm: (request) => ask('arm', request),
    release: (request) => ask('release', request),
    commit: (request) => ask('commit', request),
    fail: (request) => ask('fail', request),
    replaceSecret: (request) => ask('replaceSecret', request),
    remove: (request) => ask('remove', request),
    takeBudget: (request) => ask('takeBudget', request),
    penalize: (request) => ask('penalize', request),
    claimDue: (request) => ask('claimDue', request),
    list: (request) => ask('list', request),
    ...(line.watch && {
      watch: async (watcher: StoreWatcher) => {
        const off = line.watch?.(process, watcher)
        return async () => off?.()
      },
    }),
  }
}
