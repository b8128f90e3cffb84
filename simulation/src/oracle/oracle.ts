import type { Timings } from '@evergrant/core'
import type { ProviderPlan } from '../run/plan-world.js'
import type { AuthorizationServer } from '../server/authorization-server.js'
import type { SimStore } from '../store/sim-store.js'
import type { Scheduler } from '../time/scheduler.js'
import { BrokenPromise, type PromiseName, type Violation } from './broken-promise.js'
import { createLedger, type Ledger } from './ledger.js'

/** One provider as the judges see it. */
export interface JudgedProvider {
  readonly plan: ProviderPlan
  readonly server: AuthorizationServer
  readonly budgetKey: string
  readonly timings: Timings
}

/** What all judges work with. */
export interface Bench {
  readonly ledger: Ledger
  readonly time: Scheduler
  readonly store: SimStore
  readonly providers: ReadonlyMap<string, JudgedProvider>
  /** The store never forgot anything of this grant. */
  remembers(grantId: string): boolean
  violated(promise: PromiseName, what: string, grant?: string): void
  /** For people who read a trace. */
  tell(line: () => string): void
  reached(what: string): void
}

/** Collects verdicts; judges are functions of their own, one file a promise. */
export interface Verdicts {
  readonly bench: Bench
  /** Throws the first violation: after each step. */
  check(): void
  /** Nothing in an event may be a secret (P7). */
  readonly violations: readonly Violation[]
}

export function createVerdicts(parts: Omit<Bench, 'ledger' | 'remembers' | 'violated'>): Verdicts {
  const violations: Violation[] = []
  const ledger = createLedger()
  const bench: Bench = {
    ...parts,
    ledger,
    remembers: (grantId) => !ledger.forgotten.has(grantId),
    violated(promise, what, grant) {
      parts.tell(() => `*** ${promise} is broken: ${what}`)
      violations.push({ promise, what, grant })
    },
  }
  return {
    bench,
    violations,
    check() {
      const [first] = violations
      if (first) throw new BrokenPromise(first)
    },
  }
}
