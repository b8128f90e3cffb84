import { EvergrantError } from '../errors.js'
import { adopt } from '../grant/adopt.js'
import type { GrantEntry } from '../grant/grant-entry.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import { type Mark, markNow, surelyElapsedMs } from '../time/clock.js'
import { backoffMs } from './backoff.js'
import { type Hold, release } from './hold.js'
import type { Rotation } from './rotation.js'
import type { RotationStep } from './rotation-step.js'
import { gone, takeOver } from './take-over.js'

type Settled = { readonly kind: 'settled' } | { readonly kind: 'stopped'; readonly step: RotationStep }

/** While settling we look, and extend the lease, at least this often. */
const LOOK_AGAIN_MS = 1_000

/**
 * Someone else's attempt is still open: its sender may hold the successor and be about to store it. It gets
 * `settleMs` before anyone else spends the token, counted on our own clock from the first answer of the store
 * that shows the other's lease ended; time in which the store was away does not count, for in it nobody
 * could store anything (counterexamples C3 to C6).
 */
export async function settle(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  hold: Hold,
): Promise<Settled> {
  const { link, attempt, timings } = hold
  // From when the answer is here, not from when it was asked for: it may have been long under way.
  let shownAt: Mark | undefined = markNow(ctx.clock)
  let counted = foreignAttempts(entry, hold)
  for (let away = 0; counted.length > 0; ) {
    const leftMs: number = timings.settleMs - (shownAt ? surelyElapsedMs(ctx.clock, shownAt) : 0)
    if (leftMs <= 0) break
    // One grant's trouble must not hold up others.
    hold.leave()
    const lookMs = Math.min(LOOK_AGAIN_MS, timings.leaseMs / 4)
    await rotation.progress.pause(shownAt ? Math.min(leftMs, lookMs) : backoffMs('store', away, ctx.chance))
    if (ctx.lifecycle.closing) {
      await release(ctx, entry, hold, 'not-sent')
      return { kind: 'stopped', step: { kind: 'busy', forMs: 0 } }
    }
    const askedAt = markNow(ctx.clock)
    const request = { ...link, attempt, ttlMs: timings.leaseMs, maxHoldMs: timings.maxHoldMs }
    const asked = await tryStore(ctx, (store) => store.acquire(request))
    if (asked instanceof EvergrantError) {
      away += 1
      shownAt = undefined
      // Callers who cannot wait must hear of it: the driver tells them, and comes back here.
      if (away > 3) {
        const afterMs = backoffMs('store', away, ctx.chance)
        return { kind: 'stopped', step: { kind: 'failed', error: asked, afterMs, giveUp: false } }
      }
      continue
    }
    const { answer } = asked
    if (answer.status === 'busy') return { kind: 'stopped', step: { kind: 'busy', forMs: 0 } }
    const from = { nowMs: answer.nowMs, order: asked.order }
    if (answer.status === 'missing') return { kind: 'stopped', step: gone(ctx, entry, from) }
    if (answer.status === 'superseded') {
      return { kind: 'stopped', step: await takeOver(ctx, entry, answer.record, from) }
    }
    hold.lease = { untilMs: answer.untilMs, nowMs: answer.nowMs, askedAt }
    hold.heldSinceMs = answer.heldSinceMs
    hold.record = answer.record
    adopt(ctx.questions, entry, answer.record, from)
    const now = foreignAttempts(entry, hold)
    // While this process stood still another may have had its turn: its attempt gets the whole time as well.
    if (!shownAt || now.some((id) => !counted.includes(id))) shownAt = markNow(ctx.clock)
    counted = now
  }
  return { kind: 'settled' }
}

function foreignAttempts({ ended }: GrantEntry, { record, attempt }: Hold): readonly string[] {
  return record.attempts
    .filter(({ id, state }) => state === 'open' && id !== attempt && !ended.has(id))
    .map(({ id }) => id)
}
