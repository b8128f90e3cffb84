import { EvergrantError } from '../errors.js'
import { adopt } from '../grant/adopt.js'
import { type GrantEntry, isSameLink, linkOf } from '../grant/grant-entry.js'
import type { KnownGrant } from '../grant/grant-tokens.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import { backoffMs } from './backoff.js'
import { conclude, lost } from './conclude.js'
import { judge, lifetimeOf, validityLeftMs } from './freshness.js'
import { finishRelease, type Hold, release } from './hold.js'
import { decideReplay } from './replay-rule.js'
import type { Rotation } from './rotation.js'
import {
  clientRejected,
  closed,
  failed,
  outcomeUnknown,
  type RotationStep,
  storeAway,
  unexpected,
} from './rotation-step.js'
import { type Stopped, sendArmed } from './send-armed.js'
import { settle } from './settle.js'
import { gone, takeOver } from './take-over.js'
import { type Timings, timingsFor } from './timings.js'

const LATE = 'The token endpoint or the store was too slow for the lease'

/** Waiting for another holder, we look again at least this often: a notice may be lost. */
const LOOK_AGAIN_MS = 1_000

/**
 * One try of the protocol, from acquire to release: `docs/rotation.md` has the steps and the reason of each.
 * Every way out of it has released the lease or stored the outcome, or the store was away.
 *
 * @param leave - makes room for the next grant, as soon as the store and the connection need not be shared any more
 */
export async function rotateOnce(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  leave: () => void,
): Promise<RotationStep> {
  const { known } = entry
  if (!known || known.record.state === 'dead') return { kind: 'moved' }
  if (ctx.lifecycle.closing) return closed(entry)

  const unfinished = await finishRelease(ctx, entry)
  if (unfinished) return storeAway(ctx, entry, unfinished)
  const life = { lifetimeMs: lifetimeOf(known), reuseIntervalMs: ctx.facts.reuseIntervalMs }
  const timings = timingsFor(ctx.timings, life)
  entry.attempt ??= ctx.chance.id()
  const { attempt } = entry
  const link = linkOf(known.record)
  const request = { ...link, attempt, ttlMs: timings.leaseMs, maxHoldMs: timings.maxHoldMs }
  const asked = await tryStore(ctx, (store) => store.acquire(request))
  if (asked instanceof EvergrantError) return storeAway(ctx, entry, asked)

  const { answer, askedAt, order } = asked
  const from = { nowMs: answer.nowMs, order }
  switch (answer.status) {
    case 'missing':
      return gone(ctx, entry, from)
    case 'superseded':
      return takeOver(ctx, entry, answer.record, from)
    case 'busy': {
      const endsMs = answer.untilMs - answer.nowMs
      return { kind: 'busy', forMs: Math.min(Math.max(endsMs, 0) + 50, LOOK_AGAIN_MS) * jitter(ctx) }
    }
    case 'acquired': {
      const lease = { untilMs: answer.untilMs, nowMs: answer.nowMs, askedAt }
      adopt(ctx.questions, entry, answer.record, from)
      const { heldSinceMs, record } = answer
      return rotateHeld(ctx, entry, rotation, { link, attempt, timings, lease, heldSinceMs, record, leave })
    }
  }
}

/** The part under the lease. */
async function rotateHeld(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  hold: Hold,
): Promise<RotationStep> {
  const settled = await settle(ctx, entry, rotation, hold)
  if (settled.kind !== 'settled') return settled.step
  const { known } = entry
  // A look at the store found another link meanwhile, or none: this lease is not for its token.
  if (!known || !isSameLink(known.record, hold.link)) {
    await release(ctx, entry, hold, 'not-sent')
    return { kind: 'moved' }
  }

  // The store's clock is known exactly now; what looked expired on ours may be fresh.
  if (!rotation.forced && isFresh(ctx, known, hold.timings)) {
    await release(ctx, entry, hold, 'not-sent')
    return { kind: 'moved' }
  }
  const nowMs = ctx.storeClock.now()
  const { sends } = hold.record
  // Our own attempt may be written down though its answer was lost; no byte of it has left.
  const attempts = hold.record.attempts.filter((each) => each.id !== hold.attempt)
  const isUser = known.tokens.grantType === 'refresh_token'
  if (isUser) {
    const tokenWorks = known.accessToken !== undefined && !entry.rejected && validityLeftMs(known, nowMs) > 0
    const { requestTimeoutMs } = hold.timings
    const replay = decideReplay({ facts: ctx.facts, attempts, sends, tokenWorks, requestTimeoutMs, nowMs })
    if (replay.kind !== 'send') {
      await release(ctx, entry, hold, 'not-sent')
      // Rejected meanwhile: then there is nothing left to hold it for.
      if (replay.kind === 'hold' && entry.rejected) return { kind: 'busy', forMs: 0 }
      const afterMs = replay.kind === 'hold' ? validityLeftMs(known, nowMs) : replay.forMs
      return outcomeUnknown(entry, replay.kind === 'hold' ? 'held' : 'cooling_down', afterMs, true)
    }
  }
  return send(ctx, entry, rotation, hold, known)
}

async function send(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  hold: Hold,
  known: KnownGrant,
): Promise<RotationStep> {
  const pausedMs = ctx.clientPause.enter()
  if (pausedMs > 0) {
    await release(ctx, entry, hold, 'not-sent')
    return clientRejected(entry, pausedMs)
  }
  let result: Awaited<ReturnType<typeof sendArmed>>
  try {
    result = await sendArmed(ctx, entry, rotation, hold, known)
  } catch (error) {
    // Before the connection: a client authentication that threw, say.
    await release(ctx, entry, hold, 'not-sent')
    return unexpected(entry, error)
  }
  switch (result.kind) {
    case 'stopped':
      return stopped(ctx, entry, hold, result)
    case 'not-sent': {
      await release(ctx, entry, hold, 'not-sent')
      const afterMs = backoffMs('notSent', entry.failures + 1, ctx.chance)
      const { reason } = result
      return failed('PROVIDER_UNAVAILABLE', 'The token endpoint could not be reached', entry, {
        reason,
        afterMs,
      })
    }
    case 'unknown':
      entry.attempt = undefined
      return lost(ctx, entry, hold, result.reason)
    case 'reply':
      entry.attempt = undefined
      return conclude(ctx, entry, rotation, hold, known, result)
  }
}

/** The release said no: no byte has left. */
async function stopped(
  ctx: ManagerContext,
  entry: GrantEntry,
  hold: Hold,
  stop: Stopped,
): Promise<RotationStep> {
  if (stop.why === 'superseded') return takeOver(ctx, entry, stop.record, stop.from)
  if (stop.why === 'missing') return gone(ctx, entry, stop.from)
  await release(ctx, entry, hold, 'not-sent')
  switch (stop.why) {
    case 'store':
      return storeAway(ctx, entry, stop.error)
    case 'not-holder':
      return { kind: 'busy', forMs: backoffMs('store', 1, ctx.chance) }
    case 'late': {
      const afterMs = backoffMs('notSent', entry.failures + 1, ctx.chance)
      return failed('PROVIDER_UNAVAILABLE', LATE, entry, { reason: 'late', afterMs })
    }
    case 'budget':
      return { kind: 'crowded', forMs: stop.forMs }
    case 'closing':
      return closed(entry)
  }
}

function isFresh(ctx: ManagerContext, known: KnownGrant, timings: Timings): boolean {
  const { minRotationIntervalMs } = timings
  const at = { nowMs: ctx.storeClock.now(), minRotationIntervalMs, replacing: false }
  return judge(known, { minValidityMs: undefined, notLink: undefined }, at) === 'use'
}

const jitter = (ctx: ManagerContext): number => 0.75 + 0.25 * ctx.chance.float()
