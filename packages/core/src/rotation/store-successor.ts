import { EvergrantError } from '../errors.js'
import { adopt, type GrantEntry, isSameLink, linkOf } from '../grant/grant-entry.js'
import { decodeTokens } from '../grant/grant-tokens.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import { revokeAtProvider } from '../manager/revoke-at-provider.js'
import type { GrantRecord, TokenPair } from '../store/token-store.js'
import { elapsedMs, markNow } from '../time/clock.js'
import { backoffMs } from './backoff.js'
import type { Hold } from './hold.js'
import type { Rotation } from './rotation.js'
import { failed, type RotationStep } from './rotation-step.js'

/**
 * Stores a successor, however long it takes: its predecessor is spent, so this pair is all there is. Needs
 * the link, not the lease. While the store is away the callers of this process already work with it.
 */
export async function storeSuccessor(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  hold: Hold,
  next: TokenPair,
): Promise<RotationStep> {
  const { link, attempt } = hold
  const startedAt = markNow(ctx.clock)
  const request = { ...link, attempt, next }
  entry.inHand = true
  for (let failures = 1; ; failures++) {
    const asked = await tryStore(ctx, (store) => store.commit(request))
    if (asked instanceof EvergrantError) {
      if (failures === 1) handOutUncommitted(ctx, entry, rotation, hold, next)
      if (ctx.lifecycle.abandoned) return uncommitted(entry)
      // Several tries must fit into the time for which others wait before they spend the old token.
      const retryMs = Math.min(backoffMs('store', failures, ctx.chance), hold.timings.settleMs / 5)
      await rotation.progress.pause(retryMs)
      continue
    }
    entry.inHand = false
    entry.uncommitted = false
    const { answer } = asked
    if (answer.status === 'missing') {
      // Removed meanwhile: recreating it would undo what the application did.
      entry.known = undefined
      ctx.grants.forget(entry)
      ctx.emit({ type: 'grant.successor_dropped', ...link })
      await revokeAtProvider(ctx, decodeTokens({ ...next, grantId: link.grantId }))
      return { kind: 'moved' }
    }
    adopt(ctx.questions, entry, answer.record, { nowMs: answer.nowMs, order: asked.order })
    if (answer.status === 'committed') {
      const tookMs = Math.round(elapsedMs(ctx.clock, startedAt))
      ctx.emit({ type: 'grant.rotated', ...linkOf(answer.record), tookMs })
    } else {
      ctx.emit({ type: 'grant.successor_dropped', ...link })
    }
    return { kind: 'moved' }
  }
}

/** The pair works though it is not stored: callers of this process need not suffer from the store. */
function handOutUncommitted(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  { link }: Hold,
  next: TokenPair,
): void {
  ctx.emit({ type: 'grant.commit_delayed', ...link })
  entry.uncommitted = true
  const known = entry.known?.record
  // The user may have authorized again meanwhile; then that is what counts.
  if (known === undefined || !isSameLink(known, link)) return
  const nowMs = ctx.storeClock.now()
  const record: GrantRecord = {
    ...link,
    ...next,
    generation: link.generation + 1,
    state: 'live',
    attempts: [],
    sends: 0,
    committedAtMs: nowMs,
  }
  adopt(ctx.questions, entry, record, { nowMs, order: ++ctx.questions.asked })
  rotation.progress.serveWaiters()
}

function uncommitted(entry: GrantEntry): RotationStep {
  const message = 'A successor was read and could not be stored before the manager was closed'
  return failed('UNCOMMITTED_SUCCESSOR', message, entry, { afterMs: 0, giveUp: true })
}
