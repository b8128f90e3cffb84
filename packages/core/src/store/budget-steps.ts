/**
 * The shared request budget as pure decisions about one bucket. A slot granted at `t` may be used until
 * `t + slotMs`; counting slots over `windowMs + slotMs` therefore bounds the *sends* in every window.
 */
import type { TakeBudgetAnswer, TakeBudgetRequest } from './token-store.js'

/** One granted slot. */
export interface BudgetSlot {
  readonly id: string
  readonly grantedAtMs: number
}

/** Everything a store keeps of one bucket. */
export interface BudgetBucket {
  /** Oldest first. */
  readonly slots: readonly BudgetSlot[]
  /** Nobody sends before this instant. */
  readonly blockedUntilMs: number
}

export const emptyBucket: BudgetBucket = { slots: [], blockedUntilMs: 0 }

/** @see {@link TokenStore.takeBudget} */
export function takeBudgetStep(
  bucket: BudgetBucket,
  request: TakeBudgetRequest,
  nowMs: number,
): { readonly answer: TakeBudgetAnswer; readonly next: BudgetBucket } {
  const countedMs = request.windowMs + request.slotMs
  // A clock that stepped back must not keep slots of the future for ever: they count as granted now.
  const slots = bucket.slots
    .filter((slot) => slot.id !== request.slot && slot.grantedAtMs > nowMs - countedMs)
    .map((slot) => (slot.grantedAtMs > nowMs ? { id: slot.id, grantedAtMs: nowMs } : slot))
  const next = { slots, blockedUntilMs: bucket.blockedUntilMs }
  if (nowMs < bucket.blockedUntilMs) {
    return { answer: { status: 'wait', untilMs: bucket.blockedUntilMs }, next }
  }
  const usable = request.limit - (request.priority === 'background' ? request.reserve : 0)
  if (slots.length < usable) {
    const granted = [...slots, { id: request.slot, grantedAtMs: nowMs }]
    const validUntilMs = nowMs + request.slotMs
    return { answer: { status: 'granted', validUntilMs }, next: { ...next, slots: granted } }
  }
  const freedBy = slots[slots.length - Math.max(usable, 1)]
  const untilMs = (freedBy?.grantedAtMs ?? nowMs) + countedMs
  return { answer: { status: 'wait', untilMs }, next }
}

/** @see {@link TokenStore.penalize} */
export function penalizeStep(bucket: BudgetBucket, untilMs: number): BudgetBucket {
  return { ...bucket, blockedUntilMs: Math.max(bucket.blockedUntilMs, untilMs) }
}
