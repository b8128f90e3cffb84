import { type Clock, elapsedMs, type Mark, markNow, surelyElapsedMs } from './clock.js'

/** The store's clock as this process knows it: expiry and leases are judged by it, whoever's clock is wrong. */
export interface StoreClock {
  /** Takes over the clock reading of an answer to a question asked at `askedAt`. */
  observe(nowMs: number, askedAt: Mark): void
  /** Whether the store has ever answered; before that this process's own wall clock stands in. */
  isKnown(): boolean
  /** Epoch milliseconds on the store's clock: never earlier than the truth by more than clock drift. */
  now(): number
  /** The same, never later than the truth: what a lifetime counts from. An answer may have been long under way. */
  earliest(): number
}

/**
 * Whoever asks gives up after about this time, so an answer that was under way for longer came to a machine that slept,
 * and its reading may be older than that by all of the sleep.
 */
const MOST_UNDER_WAY_MS = 5_000

/** Until the store's first answer this process's own wall clock stands in. */
export function createStoreClock(clock: Clock): StoreClock {
  let anchor = markNow(clock)
  let anchorMs = anchor.wallMs
  let receivedAt = anchor
  let known = false
  const now = (): number => anchorMs + elapsedMs(clock, anchor)

  return {
    observe(nowMs, askedAt) {
      // Answers may arrive out of order: the question asked last knows best.
      if (askedAt.monotonicMs < anchor.monotonicMs) return
      // Nothing is learned from it that was not known better, unless this process's own clocks hid time from it.
      if (known && elapsedMs(clock, askedAt) > MOST_UNDER_WAY_MS && now() >= nowMs) return
      known = true
      anchor = askedAt
      anchorMs = nowMs
      receivedAt = markNow(clock)
    },
    isKnown: () => known,
    now,
    earliest: () => anchorMs + surelyElapsedMs(clock, receivedAt),
  }
}
