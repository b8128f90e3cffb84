import { setTimeout as pause } from 'node:timers/promises'
import { GRANTS } from './conditions.js'
import type { FleetWorker } from './fleet.js'
import type { Proof } from './messages.js'

/** How one worker ended up with one grant: it called the API, or the grant is dead, or neither in time. */
export interface Proven {
  readonly worker: number
  readonly grantId: string
  readonly outcome: Proof['outcome'] | 'stuck'
  /** Since it was asked, until it worked or was known to be dead. */
  readonly tookMs: number
  /** What it last failed with. */
  readonly reason: string
}

/** Gathers what the workers report of one round after the other. */
export interface Proofs {
  heard(worker: number, proof: Proof): void
  waits(worker: number, grantId: string, reason: string): void
  /** Asks these workers and waits for all of them, at most so long. */
  ask(round: number, workers: readonly FleetWorker[], withinMs: number): Promise<readonly Proven[]>
}

const LOOK_EVERY_MS = 5

export function createProofs(now: () => number): Proofs {
  const answers = new Map<string, Proof>()
  const reasons = new Map<string, string>()
  let current = 0
  const key = (worker: number, grantId: string): string => `${worker} ${grantId}`

  return {
    heard(worker, proof) {
      if (proof.round === current) answers.set(key(worker, proof.grantId), proof)
    },
    waits(worker, grantId, reason) {
      reasons.set(key(worker, grantId), reason)
    },
    async ask(round, workers, withinMs) {
      current = round
      answers.clear()
      reasons.clear()
      const askedMs = now()
      const untilMs = askedMs + withinMs
      for (const worker of workers) worker.tell({ type: 'prove', round })
      const open = workers.length * GRANTS.length
      while (answers.size < open && now() < untilMs && workers.every((worker) => worker.isRunning())) {
        await pause(LOOK_EVERY_MS)
      }
      return workers.flatMap(({ number: worker }) =>
        GRANTS.map((grantId) => {
          const proof = answers.get(key(worker, grantId))
          const reason = reasons.get(key(worker, grantId)) ?? ''
          const tookMs = Math.max(0, (proof?.atMs ?? now()) - askedMs)
          return { worker, grantId, outcome: proof?.outcome ?? 'stuck', tookMs, reason }
        }),
      )
    },
  }
}
