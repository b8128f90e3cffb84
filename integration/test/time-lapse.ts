import { type Clock, systemClock } from '@evergrant/core'

/** Real time, `factor` times as fast: backoffs of minutes pass in seconds, in their real order. */
export function timeLapse(factor: number): Clock {
  const startMs = systemClock.now()
  const origin = systemClock.monotonic()
  const passed = (): number => (systemClock.monotonic() - origin) * factor
  return {
    now: () => Math.floor(startMs + passed()),
    monotonic: passed,
    setTimeout: (run, delayMs) => systemClock.setTimeout(run, delayMs / factor),
    clearTimeout: systemClock.clearTimeout,
  }
}
