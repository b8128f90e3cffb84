import { type Clock, systemClock } from '@evergrant/core'
import { vi } from 'vitest'

/** The time of both sides: `oidc-provider` takes no clock, so it gets a `Date.now` that can be moved on. */
export interface MovableTime {
  /** For what is under test. */
  readonly clock: Clock
  /** Lets `ms` milliseconds be over, at once: tokens expire, here and at the server. No timer fires. */
  advance(ms: number): void
  restore(): void
}

export function movableTime(): MovableTime {
  const realNow = Date.now
  let aheadMs = 0
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => realNow() + aheadMs)
  return {
    clock: { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs },
    advance(ms) {
      aheadMs += ms
    },
    restore: () => spy.mockRestore(),
  }
}
