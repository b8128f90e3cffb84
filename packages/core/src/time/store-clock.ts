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

/** Until the store's first answer this process's own wall clock stands in. */
export function createStoreClock(clock: Clock): StoreClock {
  let anchor = markNow(clock)
  let anchorMs = anchor.wallMs
  let receivedAt = anchor
  let known = false
  return {
    observe(nowMs, askedAt) {
      // Answers may arrive out of order: the question asked last knows best.
      if (askedAt.monotonicMs < anchor.monotonicMs) return
      known = true
      anchor = askedAt
      anchorMs = nowMs
      receivedAt = markNow(clock)
    },
    isKnown: () => known,
    now: () => anchorMs + elapsedMs(clock, anchor),
    earliest: () => anchorMs + surelyElapsedMs(clock, receivedAt),
  }
}
