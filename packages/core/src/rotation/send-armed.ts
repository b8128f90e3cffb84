import { EvergrantError } from '../errors.js'
import type { Origin } from '../grant/adopt.js'
import type { GrantEntry } from '../grant/grant-entry.js'
import type { KnownGrant } from '../grant/grant-tokens.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import type { GrantRecord } from '../store/token-store.js'
import { remainingMs, type Validity } from '../time/clock.js'
import { type SendResult, sendRequest } from '../token-endpoint/send-request.js'
import { prepareRequest } from '../token-endpoint/token-request.js'
import type { NoSlot, Slot } from './budget.js'
import type { Hold } from './hold.js'
import type { Rotation } from './rotation.js'

/** The bytes were not released. */
export type Stopped = { readonly kind: 'stopped' } & (
  | { readonly why: 'superseded'; readonly record: GrantRecord; readonly from: Origin }
  | { readonly why: 'store'; readonly error: EvergrantError }
  | { readonly why: 'budget'; readonly forMs: number }
  | { readonly why: 'missing'; readonly from: Origin }
  /** `late`: lease or slot ran out before the bytes could leave. */
  | { readonly why: 'not-holder' | 'late' | 'closing' }
)

/** A reply, and when (store clock) its request had not left yet. */
export type ArmedReply = Extract<SendResult, { kind: 'reply' }> & { readonly sentAtMs: number }

/** An unused slot may be exchanged this often while the connection stands: a slow store must not loop. */
export const MAX_SLOT_EXCHANGES = 3

/**
 * Takes one request from the budget, connects, and lets the bytes leave only on the positive answer of arm,
 * while lease and slot are in date. A process frozen anywhere before that finds them out of date and sends
 * nothing; what remains is the instant between the last check and the socket.
 */
export async function sendArmed(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  hold: Hold,
  known: KnownGrant,
): Promise<Stopped | Exclude<SendResult, { kind: 'reply' }> | ArmedReply> {
  const { facts, clock } = ctx
  const { link, attempt, timings } = hold
  const isUser = known.tokens.grantType === 'refresh_token'
  const request = await prepareRequest(facts, facts.tokenEndpoint, {
    grant_type: known.tokens.grantType,
    refresh_token: isUser ? known.tokens.refreshToken?.reveal() : undefined,
    scope: isUser ? undefined : known.tokens.scope,
  })
  let slot = await takeSlot(ctx, entry, rotation, hold)
  if (slot.kind !== 'granted') return slot

  let stop: Stopped | undefined

  async function release(ended: () => boolean): Promise<boolean> {
    stop = await arm(ended)
    if (stop !== undefined || ended()) return false
    rotation.progress.tokenSent(link)
    hold.leave()
    return true
  }

  async function arm(ended: () => boolean): Promise<Stopped | undefined> {
    if (ctx.lifecycle.closing) return { kind: 'stopped', why: 'closing' }
    if (remainingMs(clock, hold.lease) <= 0) return { kind: 'stopped', why: 'late' }
    // A late question of ours may have got us the lease once more after others had their turn: what they sent was
    // neither judged nor waited for (C12, C13). So arm names the hold in which we looked.
    const armRequest = { ...link, attempt, ttlMs: timings.armedLeaseMs, heldSinceMs: hold.heldSinceMs }
    const asked = await tryStore(ctx, (store) => store.arm(armRequest))
    if (asked instanceof EvergrantError) return { kind: 'stopped', why: 'store', error: asked }
    const { answer, askedAt, order } = asked
    const from = { nowMs: answer.nowMs, order }
    if (answer.status === 'superseded')
      return { kind: 'stopped', why: 'superseded', record: answer.record, from }
    if (answer.status === 'missing') return { kind: 'stopped', why: 'missing', from }
    if (answer.status !== 'armed') return { kind: 'stopped', why: answer.status }
    const lease: Validity = { untilMs: answer.untilMs, nowMs: answer.nowMs, askedAt }
    hold.lease = lease

    for (let exchanges = 0; slot.kind === 'granted'; exchanges++) {
      // The reply must be read under the lease, or a successor would arrive after others stopped waiting.
      const inDate = remainingMs(clock, lease) >= timings.requestTimeoutMs && !ended()
      if (!inDate || exchanges > MAX_SLOT_EXCHANGES) return { kind: 'stopped', why: 'late' }
      if (remainingMs(clock, slot.valid) > 0) return undefined
      slot = await ctx.budget.exchange(slot)
    }
    return slot
  }

  const result = await sendRequest(request, {
    fetch: ctx.fetch,
    clock,
    release,
    connectTimeoutMs: remainingMs(clock, hold.lease),
    requestTimeoutMs: timings.requestTimeoutMs,
  })
  if (result.kind === 'not-sent') {
    if (slot.kind === 'granted') ctx.budget.giveBack(slot)
    if (stop !== undefined) return stop
  }
  // Lifetimes run from the store's clock as arm read it: surely before the bytes left, however slow its answer was.
  return result.kind === 'reply' ? { ...result, sentAtMs: hold.lease.nowMs } : result
}

/** Step 4: waits for a slot while the lease allows it. A long wait is no reason to keep the lease from others. */
function takeSlot(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  hold: Hold,
): Promise<Slot | NoSlot> {
  const { progress } = rotation
  if (!progress.isAwaited()) return ctx.budget.take('background')
  return ctx.budget.take('caller', async (forMs) => {
    if (forMs > remainingMs(ctx.clock, hold.lease) / 2) return false
    await progress.waitForSlot(forMs)
    return progress.isAwaited() && !entry.stale && !ctx.lifecycle.closing
  })
}
