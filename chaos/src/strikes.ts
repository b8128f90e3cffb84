import { setTimeout as pause } from 'node:timers/promises'
import { TIMINGS } from './conditions.js'
import type { Fleet, FleetWorker } from './fleet.js'
import type { Freeze, Kill } from './history.js'
import type { Journal } from './journal.js'
import type { StrikeSignal } from './messages.js'
import type { Strike, When } from './plan-round.js'
import type { StoreHost } from './store-host.js'

/** Does to the processes and the store what a plan says, and writes down what really happened and when. */
export interface Striker {
  /** Resolves when it is over: the dead are replaced, the frozen go on, the store is back. */
  strike(strikes: readonly Strike[]): Promise<void>
  readonly kills: readonly Kill[]
  readonly freezes: readonly Freeze[]
  storeRestarts(): number
}

export interface StrikerOptions {
  readonly fleet: Fleet
  readonly journal: Journal
  readonly host: StoreHost
  readonly now: () => number
}

/** Whoever has not come to the step by then is not struck. */
const AIM_WITHIN_MS = 150
const LOOK_EVERY_MS = 5

export function createStriker({ fleet, journal, host, now }: StrikerOptions): Striker {
  const kills: Kill[] = []
  const freezes: Freeze[] = []
  const replacing = new Map<number, Promise<unknown>>()
  let storeRestarts = 0

  /** Resolves with when the worker has struck itself; `undefined`: it did not come to that step. */
  async function aimed(worker: FleetWorker, when: When, signal: StrikeSignal): Promise<number | undefined> {
    if (!('step' in when)) return undefined
    const aimedAtMs = now()
    const struck = (): number | undefined => {
      journal.poll()
      const atMs = journal.struckAtMs(worker.number, signal)
      return atMs !== undefined && atMs >= aimedAtMs ? atMs : undefined
    }
    let disarmed = false
    worker.tell({ type: 'aim', step: when.step, signal })
    while (!disarmed && worker.isRunning() && struck() === undefined) {
      await pause(LOOK_EVERY_MS)
      if (now() - aimedAtMs < AIM_WITHIN_MS) continue
      const answered = worker
        .next('disarmed', (message) => message.signal === signal)
        .then(() => {
          disarmed = true
        })
      worker.tell({ type: 'disarm', signal })
      // Frozen by another strike, it answers when that ends; stopped by this one, it never does.
      while (!disarmed && worker.isRunning() && struck() === undefined) {
        await Promise.race([answered, pause(LOOK_EVERY_MS)])
      }
    }
    return struck()
  }

  /** One death a slot at a time: who comes while the dead is being replaced finds its work done. */
  async function kill(slot: number, when: When): Promise<void> {
    if (replacing.has(slot)) return void (await replacing.get(slot))
    const worker = fleet.workers[slot] as FleetWorker
    let atMs: number | undefined
    if ('step' in when) {
      atMs = await aimed(worker, when, 'SIGKILL')
      if (atMs === undefined) return
    } else {
      await pause(when.afterMs)
      if (replacing.has(slot) || fleet.workers[slot] !== worker) return
      atMs = now()
      worker.signal('SIGKILL')
    }
    kills.push({ worker: worker.number, atMs })
    if (replacing.has(slot)) return void (await replacing.get(slot))
    const replaced = worker.gone.then(() => {
      journal.leave(worker.number)
      return fleet.replace(slot)
    })
    replacing.set(slot, replaced)
    await replaced.finally(() => replacing.delete(slot))
  }

  async function freeze(slot: number, when: When, forMs: number): Promise<void> {
    const worker = fleet.workers[slot] as FleetWorker
    let fromMs: number | undefined
    if ('step' in when) {
      fromMs = await aimed(worker, when, 'SIGSTOP')
    } else await pause(when.afterMs)
    if (!worker.isRunning()) return
    if (fromMs === undefined) {
      // Also when it did not come to its step: what it knows grows old while the others go on.
      fromMs = now()
      worker.signal('SIGSTOP')
    }
    await Promise.race([pause(forMs), worker.gone])
    worker.signal('SIGCONT')
    const toMs = now()
    // Killed before its lease ran out, it was no freeze worth counting.
    if (toMs - fromMs >= TIMINGS.leaseMs) freezes.push({ worker: worker.number, fromMs, toMs })
  }

  async function restart({ afterMs, crash, awayMs }: Extract<Strike, { kind: 'restart' }>): Promise<void> {
    await pause(afterMs)
    if (host.restart) await host.restart({ crash, awayMs })
    else await Promise.all([...fleet.workers.keys()].map((slot) => kill(slot, { afterMs: 0 })))
    storeRestarts += 1
  }

  function strikeOnce(strike: Strike): Promise<void> {
    switch (strike.kind) {
      case 'kill':
        return kill(strike.slot, strike.when)
      case 'freeze':
        return freeze(strike.slot, strike.when, strike.forMs)
      case 'restart':
        return restart(strike)
    }
  }

  return {
    kills,
    freezes,
    storeRestarts: () => storeRestarts,
    async strike(strikes) {
      await Promise.all(strikes.map(strikeOnce))
    },
  }
}
