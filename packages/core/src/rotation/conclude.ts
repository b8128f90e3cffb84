import { EvergrantError } from '../errors.js'
import { type GrantEntry, isSameLink } from '../grant/grant-entry.js'
import type { KnownGrant } from '../grant/grant-tokens.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import { remainingMs } from '../time/clock.js'
import { classifyReply, type ReplyMeaning } from '../token-endpoint/classify-reply.js'
import type { TokenEndpointReply } from '../token-endpoint/parse-reply.js'
import { successorPair } from '../token-endpoint/successor.js'
import { backoffMs } from './backoff.js'
import { type Hold, release } from './hold.js'
import type { Rotation } from './rotation.js'
import { clientRejected, failed, outcomeUnknown, type RotationStep, storeAway } from './rotation-step.js'
import type { ArmedReply } from './send-armed.js'
import { storeSuccessor } from './store-successor.js'
import { gone, takeOver } from './take-over.js'

/** Steps 6 and 7 of the protocol: what a reply means, and what the store is told of it. */
export async function conclude(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  hold: Hold,
  known: KnownGrant,
  { reply, sentAtMs }: ArmedReply,
): Promise<RotationStep> {
  const step = await concludeReply(ctx, entry, rotation, hold, known, { reply, sentAtMs })
  // After the successor is stored: whoever spent the limit, nobody in the fleet need run into it.
  if (reply.usedUpForMs !== undefined) {
    // Nobody who waits for the token need wait for that.
    if (step.kind === 'moved') rotation.progress.serveWaiters()
    await ctx.budget.silence(reply.usedUpForMs)
  }
  return step
}

async function concludeReply(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  hold: Hold,
  known: KnownGrant,
  { reply, sentAtMs }: Omit<ArmedReply, 'kind'>,
): Promise<RotationStep> {
  const meaning = classifyReply(reply, ctx.facts)
  const accepted = meaning.kind === 'rotated' || meaning.kind === 'refused'
  if (accepted && ctx.clientPause.accepted()) {
    ctx.emit({ type: 'client.accepted', provider: ctx.facts.id })
  }
  switch (meaning.kind) {
    case 'rotated': {
      const { grantType } = known.tokens
      const context = { key: hold.link, facts: ctx.facts, previous: known.tokens, grantType, sentAtMs }
      const next = successorPair(reply.members, context)
      return storeSuccessor(ctx, entry, rotation, hold, known, next)
    }
    case 'refused':
      // Credentials of the client's own are asked for again; nobody can authorize them anew.
      if (known.tokens.grantType === 'client_credentials') return trouble(ctx, entry, hold, meaning.reason)
      return refused(ctx, entry, rotation, hold, meaning.reason)
    case 'unspent':
      return unspent(ctx, entry, hold, meaning, reply)
    case 'unknown':
      return lost(ctx, entry, hold, meaning.reason, reply.retryAfterMs)
    case 'client-rejected': {
      await release(ctx, entry, hold, 'not-sent')
      const retryAfterMs = ctx.clientPause.rejected()
      ctx.emit({ type: 'client.rejected', provider: ctx.facts.id, retryAfterMs: Math.round(retryAfterMs) })
      return clientRejected(entry, retryAfterMs)
    }
    case 'trouble':
      return trouble(ctx, entry, hold, meaning.reason, reply.retryAfterMs)
  }
}

async function trouble(
  ctx: ManagerContext,
  entry: GrantEntry,
  hold: Hold,
  reason: string,
  retryAfterMs = 0,
): Promise<RotationStep> {
  // Counted as a send: a firewall's answer says nothing of what lies behind it.
  await release(ctx, entry, hold, 'lost')
  const afterMs = Math.max(retryAfterMs, backoffMs('trouble', entry.failures + 1, ctx.chance))
  return failed('PROVIDER_UNAVAILABLE', 'The token endpoint gave no usable answer', entry, {
    reason,
    afterMs,
  })
}

async function refused(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  hold: Hold,
  reason: string,
): Promise<RotationStep> {
  const request = { ...hold.link, attempt: hold.attempt, reason }
  let asked = await tryStore(ctx, (store) => store.fail(request))
  // What the provider said is worth repeating as long as we may say it: else the token would be sent again.
  for (let failures = 1; asked instanceof EvergrantError; failures++) {
    if (remainingMs(ctx.clock, hold.lease) <= 0 || ctx.lifecycle.abandoned) {
      await release(ctx, entry, hold, 'refused')
      return storeAway(ctx, entry, asked)
    }
    await rotation.progress.pause(backoffMs('store', failures, ctx.chance))
    asked = await tryStore(ctx, (store) => store.fail(request))
  }
  const { answer } = asked
  switch (answer.status) {
    case 'failed': {
      const { known } = entry
      if (known && isSameLink(known.record, hold.link))
        entry.known = { ...known, record: { ...known.record, state: 'dead', reason } }
      ctx.emit({ type: 'grant.reauthorization_required', ...hold.link, reason })
      return { kind: 'moved' }
    }
    case 'not-holder':
      await release(ctx, entry, hold, 'refused')
      return { kind: 'busy', forMs: backoffMs('store', 1, ctx.chance) }
    case 'superseded':
      return takeOver(ctx, entry, answer.record, { nowMs: answer.nowMs, order: asked.order })
    case 'missing':
      return gone(ctx, entry, { nowMs: answer.nowMs, order: asked.order })
  }
}

async function unspent(
  ctx: ManagerContext,
  entry: GrantEntry,
  hold: Hold,
  meaning: Extract<ReplyMeaning, { kind: 'unspent' }>,
  reply: TokenEndpointReply,
): Promise<RotationStep> {
  const { limited, reason } = meaning
  // Told how long, we wait that long; told zero or nothing, our own backoff still applies.
  const kind = limited && reply.retryAfterMs === undefined ? 'limited' : 'notSent'
  const afterMs = Math.max(reply.retryAfterMs ?? 0, backoffMs(kind, entry.failures + 1, ctx.chance))
  if (limited) await ctx.budget.silence(afterMs)
  await release(ctx, entry, hold, 'not-sent')
  return limited
    ? failed('RATE_LIMITED', 'The token endpoint asked for a pause', entry, { reason, afterMs })
    : failed('PROVIDER_UNAVAILABLE', 'The token endpoint is not available', entry, { reason, afterMs })
}

/** Bytes left and nothing was read that tells what became of the token. */
export async function lost(
  ctx: ManagerContext,
  entry: GrantEntry,
  hold: Hold,
  reason: string,
  retryAfterMs = 0,
): Promise<RotationStep> {
  await release(ctx, entry, hold, 'lost')
  ctx.emit({ type: 'grant.outcome_unknown', ...hold.link, reason })
  const afterMs = Math.max(retryAfterMs, backoffMs('unknown', entry.failures + 1, ctx.chance))
  return outcomeUnknown(entry, reason, afterMs, false)
}
