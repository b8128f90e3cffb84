import { type Clock, MAX_TIMER_MS } from './clock.js'

/** A wait that others can cut short. */
export interface Alarm {
  /** Resolves after `delayMs`, or when {@link Alarm.ring} is called during or since the last wait. */
  wait(delayMs: number): Promise<void>
  ring(): void
}

export function createAlarm(clock: Clock): Alarm {
  let rung = false
  let wake: (() => void) | undefined
  return {
    async wait(delayMs) {
      if (!rung && delayMs > 0) {
        await new Promise<void>((resolve) => {
          const timer = clock.setTimeout(resolve, Math.min(delayMs, MAX_TIMER_MS))
          wake = () => {
            clock.clearTimeout(timer)
            resolve()
          }
        })
      }
      wake = undefined
      rung = false
    },
    ring() {
      rung = true
      wake?.()
    },
  }
}
