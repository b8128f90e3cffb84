import { describe, expect, it } from 'vitest'
import { type Clock, elapsedMs, markNow, remainingMs } from '../../src/time/clock.js'
import { createStoreClock } from '../../src/time/store-clock.js'

/** Two clocks that the test moves apart. */
function handClock() {
  const at = { wall: 1_000_000, monotonic: 500 }
  const clock: Clock = {
    now: () => at.wall,
    monotonic: () => at.monotonic,
    setTimeout: () => undefined,
    clearTimeout: () => {},
  }
  return { at, clock }
}

describe('elapsedMs', () => {
  it('counts a suspend in which the monotonic clock stood still', () => {
    const { at, clock } = handClock()
    const mark = markNow(clock)
    at.wall += 60_000
    expect(elapsedMs(clock, mark)).toBe(60_000)
  })

  it('counts on when the wall clock steps back', () => {
    const { at, clock } = handClock()
    const mark = markNow(clock)
    at.wall -= 3_600_000
    at.monotonic += 200
    expect(elapsedMs(clock, mark)).toBe(200)
  })

  it('ends a lease by whichever clock says so first', () => {
    const { at, clock } = handClock()
    const lease = { untilMs: 90_010_000, nowMs: 90_000_000, askedAt: markNow(clock) }
    expect(remainingMs(clock, lease)).toBe(10_000)
    at.wall += 10_001
    expect(remainingMs(clock, lease)).toBeLessThan(0)
  })
})

describe('the store clock', () => {
  it('runs on from the last answer, whatever this machine’s clock shows', () => {
    const { at, clock } = handClock()
    const storeClock = createStoreClock(clock)
    storeClock.observe(7_000_000, markNow(clock))
    at.wall += 250
    at.monotonic += 250
    expect(storeClock.now()).toBe(7_000_250)
  })

  it('does not go back to an answer whose question was asked earlier', () => {
    const { at, clock } = handClock()
    const storeClock = createStoreClock(clock)
    const early = markNow(clock)
    at.monotonic += 100
    storeClock.observe(7_000_100, markNow(clock))
    storeClock.observe(6_000_000, early)
    expect(storeClock.now()).toBe(7_000_100)
  })
})
