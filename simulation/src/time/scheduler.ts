import { createEventQueue, type SimEvent } from './event-queue.js'
import type { SeededChance } from './seeded-chance.js'

/** Simulated time: moves from event to event, and between two events lets every promise settle. */
export interface Scheduler {
  /** True time, epoch milliseconds: what no process knows exactly. */
  readonly nowMs: number
  readonly steps: number
  /** Of everything that happened so far: two runs of one seed must agree in it. */
  readonly hash: number
  at(atMs: number, label: string, run: () => void): SimEvent
  /** Like `at`, and among events of that instant in the order of `tie`. */
  inOrder(atMs: number, tie: number, label: string, run: () => void): SimEvent
  after(delayMs: number, label: string, run: () => void): SimEvent
  /** Adds what was decided to the hash. */
  note(text: string): void
  /** Runs events until `isOver` says so, or none is left. `afterStep` may throw; then so does this. */
  run(isOver: () => boolean, afterStep: () => void): Promise<void>
}

/**
 * Immediates of one batch run in one turn of the event loop, and Node drains microtasks and `nextTick` after each:
 * that is a whole drain for a fraction of a microsecond.
 */
const BATCH = 256

export function createScheduler(startMs: number, chance: SeededChance): Scheduler {
  const queue = createEventQueue()
  let nowMs = startMs
  let steps = 0
  let hash = 0x811c9dc5

  function mix(text: string): void {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }

  function push(atMs: number, tie: number, label: string, run: () => void): SimEvent {
    const event = { atMs: Math.max(atMs, nowMs), tie, label, run, cancelled: false }
    queue.push(event)
    return event
  }

  return {
    get nowMs() {
      return nowMs
    },
    get steps() {
      return steps
    },
    get hash() {
      return hash >>> 0
    },
    at: (atMs, label, run) => push(atMs, chance.float(), label, run),
    inOrder: push,
    after: (delayMs, label, run) => push(nowMs + delayMs, chance.float(), label, run),
    note: mix,
    run(isOver, afterStep) {
      return new Promise((resolve, reject) => {
        let ended = false
        function turn(): void {
          if (ended) return
          try {
            // Here everything that the step before set off has settled.
            afterStep()
            const event = isOver() ? undefined : queue.pop()
            if (!event) {
              ended = true
              resolve()
              return
            }
            steps += 1
            nowMs = event.atMs
            mix(event.label)
            hash = Math.imul(hash ^ Math.floor((nowMs - startMs) * 64), 0x01000193)
            event.run()
          } catch (error) {
            ended = true
            reject(error)
          }
        }
        function batch(): void {
          for (let i = 0; i < BATCH; i++) setImmediate(turn)
          setImmediate(() => {
            if (!ended) batch()
          })
        }
        batch()
      })
    },
  }
}
