import { EvergrantError } from '../errors.js'
import type { AbortHub } from './abort-hub.js'
import { type Clock, elapsedMs, MAX_TIMER_MS, type Mark, markNow } from './clock.js'

/** How long one caller waits: its own deadline and its own signal. Nobody else's wait ends with it. */
export interface Patience {
  /** Milliseconds left until the deadline. */
  leftMs(): number
  /** Settles as `work` does, unless the signal or the deadline comes first. */
  wait<T>(work: Promise<T>): Promise<T>
}

export function startPatience(
  clock: Clock,
  aborts: AbortHub,
  limits: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined; readonly what: string },
): Patience {
  const start: Mark = markNow(clock)
  const { signal, timeoutMs } = limits
  const leftMs = (): number => timeoutMs - elapsedMs(clock, start)
  const timedOut = (): EvergrantError =>
    new EvergrantError('TIMEOUT', `${limits.what} was not ready within ${timeoutMs} ms`)

  function wait<T>(work: Promise<T>): Promise<T> {
    if (signal?.aborted) {
      work.catch(() => {}) // This caller is gone; whoever else waits for the work sees its failure.
      return Promise.reject(signal.reason)
    }
    return new Promise<T>((resolve, reject) => {
      const timer = clock.setTimeout(() => end(() => reject(timedOut())), clampTimer(leftMs()))
      const off = signal && aborts.on(signal, () => end(() => reject(signal.reason)))
      function end(settle: () => void): void {
        clock.clearTimeout(timer)
        off?.()
        settle()
      }
      work.then(
        (value) => end(() => resolve(value)),
        (error: unknown) => end(() => reject(error)),
      )
    })
  }

  return { leftMs, wait }
}

/** A delay that a timer can hold. */
export function clampTimer(delayMs: number): number {
  return Math.min(Math.max(delayMs, 0), MAX_TIMER_MS)
}
