import { EvergrantError } from '../errors.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import type { Validity } from '../time/clock.js'

export type BudgetAnswer =
  /** `valid` undefined: the provider states no limit. */
  | { readonly kind: 'granted'; readonly valid: Validity | undefined }
  | { readonly kind: 'stopped'; readonly why: 'budget'; readonly forMs: number }
  | { readonly kind: 'stopped'; readonly why: 'store'; readonly error: EvergrantError }

/** Kept free for callers who wait: a tenth of every window. */
const RESERVED_SHARE = 0.1

/** Stands in where a provider states no limit: the bucket then only carries its demands for silence. */
const UNLIMITED = { limit: 1_000_000, windowMs: 1 }

/** One request to the provider's token endpoint, counted by the whole fleet. */
export async function takeBudget(
  ctx: ManagerContext,
  want: { readonly slot: string; readonly priority: 'caller' | 'background'; readonly slotMs: number },
): Promise<BudgetAnswer> {
  const { limit, windowMs } = ctx.facts.budget ?? UNLIMITED
  const reserve = Math.min(limit - 1, Math.ceil(limit * RESERVED_SHARE))
  const request = { bucket: ctx.facts.budgetKey, limit, windowMs, reserve, ...want }
  const asked = await tryStore(ctx, (store) => store.takeBudget(request))
  if (asked instanceof EvergrantError) return { kind: 'stopped', why: 'store', error: asked }
  const { answer, askedAt } = asked
  if (answer.status === 'wait') {
    return { kind: 'stopped', why: 'budget', forMs: Math.max(0, answer.untilMs - answer.nowMs) }
  }
  const valid = { untilMs: answer.validUntilMs, nowMs: answer.nowMs, askedAt }
  return { kind: 'granted', valid: ctx.facts.budget ? valid : undefined }
}

/** Tells the fleet that nobody sends before then. With the store away the local backoff stands alone. */
export async function silence(ctx: ManagerContext, forMs: number): Promise<void> {
  const untilMs = ctx.storeClock.now() + forMs
  const bucket = ctx.facts.budgetKey
  await tryStore(ctx, (store) => store.penalize({ bucket, untilMs }))
}
