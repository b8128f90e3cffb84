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

/** Callers of one token manager who wait for a slot. */
export interface BudgetDemand {
  readonly member: string
  readonly waiting: number
  readonly seenAtMs: number
}

/** Everything a store keeps of one bucket. */
export interface BudgetBucket {
  /** Oldest first. */
  readonly slots: readonly BudgetSlot[]
  readonly demands: readonly BudgetDemand[]
  /** Nobody sends before this instant. */
  readonly blockedUntilMs: number
}

/** What a store that has no bucket yet begins with: nobody has sent, nobody waits, nothing is blocked. */
export const emptyBucket: BudgetBucket = { slots: [], demands: [], blockedUntilMs: 0 }

/** @see {@link TokenStore.takeBudget} */
export function takeBudgetStep(
  bucket: BudgetBucket,
  request: TakeBudgetRequest,
  nowMs: number,
): { readonly answer: TakeBudgetAnswer; readonly next: BudgetBucket } {
  const { member, limit, priority } = request
  const countedMs = request.windowMs + request.slotMs
  const isCaller = priority === 'caller'
  // A clock that stepped back must not keep slots of the future for ever: they count as granted now.
  const slots = bucket.slots
    .filter((slot) => slot.id !== request.slot && slot.grantedAtMs > nowMs - countedMs)
    .map((slot) => (slot.grantedAtMs > nowMs ? { id: slot.id, grantedAtMs: nowMs } : slot))
  // Who waits comes back within a window; who did not is gone, and must not hold up the others.
  const others = bucket.demands.filter(
    (demand) => demand.member !== member && Math.abs(nowMs - demand.seenAtMs) <= 2 * countedMs,
  )
  const waiting = others.reduce((sum, demand) => sum + demand.waiting, request.waiting)
  const usable = isCaller ? limit : limit - request.reserve
  const isBlocked = nowMs < bucket.blockedUntilMs
  const isBehind = !isCaller && waiting > 0

  const granted = !isBlocked && !isBehind && slots.length < usable
  const own = request.waiting + (isCaller && !granted ? 1 : 0)
  const demands = own > 0 ? [...others, { member, waiting: own, seenAtMs: nowMs }] : others
  const next = { slots, demands, blockedUntilMs: bucket.blockedUntilMs }
  if (granted) {
    const validUntilMs = nowMs + request.slotMs
    const taken = [...slots, { id: request.slot, grantedAtMs: nowMs }]
    return { answer: { status: 'granted', validUntilMs, waiting }, next: { ...next, slots: taken } }
  }
  const freedBy = slots.length < usable ? undefined : slots[slots.length - Math.max(usable, 1)]
  const freeAtMs = freedBy ? freedBy.grantedAtMs + countedMs : nowMs
  // Nothing tells when the last waiting caller is served: look again a few times a window.
  const soonestMs = isBehind || freeAtMs === nowMs ? nowMs + Math.max(1, request.windowMs / 10) : 0
  const untilMs = Math.max(bucket.blockedUntilMs, freeAtMs, isBlocked ? 0 : soonestMs)
  return { answer: { status: 'wait', untilMs, waiting }, next }
}

/** @see {@link TokenStore.penalize} */
export function penalizeStep(bucket: BudgetBucket, untilMs: number): BudgetBucket {
  return { ...bucket, blockedUntilMs: Math.max(bucket.blockedUntilMs, untilMs) }
}
