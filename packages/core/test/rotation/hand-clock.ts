import type { Clock } from '../../src/time/clock.js'

/** A clock that moves only when told; its timers fire in their order, each at its own time. */
export interface HandClock extends Clock {
  pass(ms: number): void
  /** Timers that have not fired. */
  pending(): number
}

export function handClock(): HandClock {
  let atMs = 1_000_000
  let serial = 0
  const timers = new Map<number, { readonly dueMs: number; readonly run: () => void }>()

  const next = (untilMs: number) =>
    [...timers].filter(([, { dueMs }]) => dueMs <= untilMs).sort(([, a], [, b]) => a.dueMs - b.dueMs)[0]

  return {
    now: () => atMs,
    monotonic: () => atMs,
    setTimeout(run, delayMs) {
      serial += 1
      timers.set(serial, { dueMs: atMs + delayMs, run })
      return serial
    },
    clearTimeout: (timer) => void timers.delete(timer as number),
    pass(ms) {
      const untilMs = atMs + ms
      for (let due = next(untilMs); due; due = next(untilMs)) {
        const [timer, { dueMs, run }] = due
        timers.delete(timer)
        atMs = dueMs
        run()
      }
      atMs = untilMs
    },
    pending: () => timers.size,
  }
}

/** Lets everything happen that waits for nothing but promises. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
