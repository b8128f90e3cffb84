import type { Chance } from '../chance.js'
import { backoffMs } from '../rotation/backoff.js'
import { type Clock, elapsedMs, type Mark, markNow } from '../time/clock.js'

/**
 * After `invalid_client` the fault is ours and concerns every grant at once: nothing is sent with these
 * credentials but one probe after each pause, until one succeeds.
 */
export interface ClientPause {
  /** 0: go ahead (the first to ask after a pause is its probe); else milliseconds until the next probe. */
  enter(): number
  /** How long nothing is sent yet; 0: no pause. Asks without being a probe. */
  leftMs(): number
  /** The provider refused the client. Returns how long the pause lasts. */
  rejected(): number
  /** The provider accepted the client. Returns whether that ended a pause. */
  accepted(): boolean
}

export function createClientPause(clock: Clock, chance: Chance, probeMs: number): ClientPause {
  let failures = 0
  let probing = false
  let since: Mark = markNow(clock)
  let lastsMs = 0
  const begin = (ms: number): number => {
    since = markNow(clock)
    lastsMs = ms
    return ms
  }
  return {
    leftMs: () => (failures === 0 ? 0 : Math.max(0, lastsMs - elapsedMs(clock, since))),
    enter() {
      if (failures === 0) return 0
      const leftMs = lastsMs - elapsedMs(clock, since)
      if (leftMs > 0) return leftMs
      // A probe whose outcome never comes makes room for the next after this long.
      begin(probeMs)
      probing = true
      return 0
    },
    rejected() {
      // Requests that were under way together are one failure.
      const leftMs = lastsMs - elapsedMs(clock, since)
      if (failures > 0 && !probing && leftMs > 0) return leftMs
      probing = false
      failures += 1
      return begin(backoffMs('client', failures, chance))
    },
    accepted() {
      const ended = failures > 0
      failures = 0
      probing = false
      return ended
    },
  }
}
