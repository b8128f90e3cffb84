import { EvergrantError } from '../errors.js'
import { adopt, type GrantEntry, linkOf } from '../grant/grant-entry.js'
import { encodeTokens } from '../grant/grant-tokens.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import type { GrantRecord } from '../store/token-store.js'
import { backoffMs } from './backoff.js'
import { failed, type RotationStep, storeAway } from './rotation-step.js'

/**
 * The store holds an older link of our chain: it forgot a write, as a failover can. The older token is spent
 * and must not be rotated; the newer pair is still in our hands and is committed again.
 */
export async function restoreLink(
  ctx: ManagerContext,
  entry: GrantEntry,
  stored: GrantRecord,
): Promise<RotationStep> {
  const { known } = entry
  if (!known) return { kind: 'moved' }
  ctx.emit({ type: 'store.rolled_back', ...linkOf(known.record), storedGeneration: stored.generation })
  if (stored.generation === known.record.generation - 1) {
    const { expiresAtMs, renewAtMs } = known.record
    const next = { secret: encodeTokens(known.tokens), expiresAtMs, renewAtMs }
    const request = { ...linkOf(stored), attempt: ctx.chance.id(), next }
    const asked = await tryStore(ctx, (store) => store.commit(request))
    if (asked instanceof EvergrantError) return storeAway(ctx, entry, asked)
    const { answer } = asked
    if (answer.status === 'missing') return { kind: 'busy', forMs: 0 }
    if (
      adopt(ctx.questions, entry, answer.record, { nowMs: answer.nowMs, order: asked.order }) !==
      'rolled-back'
    )
      return { kind: 'moved' }
  }
  // Several writes are gone: generations cannot be invented, so a process that has the missing ones must come.
  const message = 'The store holds an older link of this grant than was stored before: it lost writes'
  const afterMs = backoffMs('trouble', entry.failures + 1, ctx.chance)
  return failed('STORE_UNAVAILABLE', message, entry, { reason: 'rolled_back', afterMs, giveUp: true })
}
