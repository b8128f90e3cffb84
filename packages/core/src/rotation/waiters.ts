import type { Patience } from '../time/patience.js'
import type { FailedStep } from './rotation-step.js'

/** The callers who wait for one rotation, each as long as it likes. */
export interface Waiters {
  readonly size: number
  /** Resolves when the grant has moved on; rejects with why it did not. */
  join(patience: Patience): Promise<void>
  /** They look at the grant again. */
  serve(): void
  /** Tells at once everyone who could not wait for the next try anyway. */
  tell(step: FailedStep): void
}

interface Waiter {
  readonly leftMs: () => number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export function createWaiters(): Waiters {
  const waiting = new Set<Waiter>()
  return {
    get size() {
      return waiting.size
    },
    async join(patience) {
      let waiter: Waiter | undefined
      const served = new Promise<void>((resolve, reject) => {
        waiter = { leftMs: patience.leftMs, resolve, reject }
        waiting.add(waiter)
      })
      try {
        await patience.wait(served)
      } finally {
        if (waiter) waiting.delete(waiter)
      }
    },
    serve() {
      for (const waiter of waiting) waiter.resolve()
      waiting.clear()
    },
    tell({ error, afterMs, giveUp }) {
      for (const waiter of waiting) {
        if (!giveUp && waiter.leftMs() > afterMs) continue
        waiting.delete(waiter)
        waiter.reject(error)
      }
    },
  }
}
