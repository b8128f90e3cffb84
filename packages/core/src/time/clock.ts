/** Where core gets its time from, so that tests and the simulation are exact. */
export interface Clock {
  /** Wall clock, epoch milliseconds. May step, in either direction. */
  readonly now: () => number
  /** Milliseconds from any origin; never steps back, but may stand still while the machine sleeps. */
  readonly monotonic: () => number
  /** Calls `run` once after `delayMs`, which is at most 2^31 - 1 ms. */
  readonly setTimeout: (run: () => void, delayMs: number) => unknown
  readonly clearTimeout: (timer: unknown) => void
}

/** Beyond this a timer fires at once: 2^31 - 1 milliseconds, about 24.8 days. */
export const MAX_TIMER_MS = 2_147_483_647

/** The clock of the runtime. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (run, delayMs) => setTimeout(run, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as Parameters<typeof clearTimeout>[0]),
}

/** An instant on both clocks of this process. */
export interface Mark {
  readonly wallMs: number
  readonly monotonicMs: number
}

export function markNow(clock: Clock): Mark {
  return { wallMs: clock.now(), monotonicMs: clock.monotonic() }
}

/**
 * Milliseconds passed since the mark, as the **larger** of both clocks: the monotonic one stands still during
 * suspend, the wall clock can step back. Erring on the long side ends a lease too early, never too late.
 */
export function elapsedMs(clock: Clock, since: Mark): number {
  return Math.max(clock.now() - since.wallMs, clock.monotonic() - since.monotonicMs)
}

/**
 * What has passed at least: for waits whose point is that somebody else really had that long. By the monotonic clock
 * alone: a wall clock that was set forward must not shorten them, nor one that was set back make them last for days.
 */
export function surelyElapsedMs(clock: Clock, since: Mark): number {
  return clock.monotonic() - since.monotonicMs
}

/** Something the store gave until an instant on its clock, judged on our clocks from when we asked for it. */
export interface Validity {
  readonly untilMs: number
  readonly nowMs: number
  readonly askedAt: Mark
}

export function remainingMs(clock: Clock, validity: Validity): number {
  return validity.untilMs - validity.nowMs - elapsedMs(clock, validity.askedAt)
}
