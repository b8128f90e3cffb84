import { EvergrantError } from '../errors.js'
import { adopt } from '../grant/adopt.js'
import { type GrantEntry, linkOf } from '../grant/grant-entry.js'
import { encodeTokens, type KnownGrant } from '../grant/grant-tokens.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import type { CommitAnswer, GrantRecord } from '../store/token-store.js'
import { backoffMs } from './backoff.js'
import { failed, type RotationStep, storeAway } from './rotation-step.js'

/**
 * The store holds an older link of our chain: it forgot writes, as a failover can. The older token is spent and
 * must not be rotated; the newer pair is still in our hands and is committed again.
 */
export async function restoreLink(
  ctx: ManagerContext,
  entry: GrantEntry,
  stored: GrantRecord,
): Promise<RotationStep> {
  const { known } = entry
  if (!known) return { kind: 'moved' }
  const asked = await commitAgain(ctx, known, stored)
  if (asked instanceof EvergrantError) return storeAway(ctx, entry, asked)
  if (asked !== undefined) {
    const { answer, order } = asked
    if (answer.status === 'missing') return { kind: 'busy', forMs: 0 }
    const from = { nowMs: answer.nowMs, order }
    if (adopt(ctx.questions, entry, answer.record, from) !== 'rolled-back') return { kind: 'moved' }
  }
  // Several writes are gone: generations cannot be invented, so a process that has the missing ones must come.
  const message = 'The store holds an older link of this grant than was stored before: it lost writes'
  const afterMs = backoffMs('trouble', entry.failures + 1, ctx.chance)
  return failed('STORE_UNAVAILABLE', message, entry, { reason: 'rolled_back', afterMs, giveUp: true })
}

/** Repeats the commit that made `known`; `undefined`: the store lacks more than that one. */
export async function commitAgain(
  ctx: ManagerContext,
  known: KnownGrant,
  stored: GrantRecord,
): Promise<Awaited<ReturnType<typeof tryStore<CommitAnswer & { readonly nowMs: number }>>> | undefined> {
  ctx.emit({
    type: 'store.rolled_back',
    ...linkOf(known.record),
    storedGeneration: stored.generation,
  })
  if (stored.generation !== known.record.generation - 1) return undefined
  const { expiresAtMs, renewAtMs } = known.record
  const next = { secret: encodeTokens(known.tokens), expiresAtMs, renewAtMs }
  const request = { ...linkOf(stored), attempt: ctx.chance.id(), next }
  return tryStore(ctx, (store) => store.commit(request))
}
