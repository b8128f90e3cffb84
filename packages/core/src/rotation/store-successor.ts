import { EvergrantError } from '../errors.js'
import { adopt, forgetLink } from '../grant/adopt.js'
import { type GrantEntry, isSameLink, linkOf } from '../grant/grant-entry.js'
import { decodeTokens, holdsSpent, type KnownGrant } from '../grant/grant-tokens.js'
import { type Asked, tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import { revokeAtProvider } from '../manager/revoke-at-provider.js'
import type { CommitAnswer, GrantLink, GrantRecord, Timed, TokenPair } from '../store/token-store.js'
import { elapsedMs, markNow } from '../time/clock.js'
import { backoffMs } from './backoff.js'
import { validityLeftMs } from './freshness.js'
import type { Hold } from './hold.js'
import { commitAgain } from './restore-link.js'
import type { Rotation } from './rotation.js'
import { failed, type RotationStep } from './rotation-step.js'

/** A store that has not answered by then is as good as away, for those who wait. */
const HAND_OUT_AFTER_MS = 1_000

/**
 * Stores a successor, however long it takes: its predecessor is spent, so this pair is all there is. Needs the
 * link, not the lease. While the store is away the callers of this process already work with it.
 *
 * @param sent - the grant whose refresh token was spent
 */
export async function storeSuccessor(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  hold: Hold,
  sent: KnownGrant,
  next: TokenPair,
): Promise<RotationStep> {
  const { attempt } = hold
  let { link } = hold
  const startedAt = markNow(ctx.clock)
  const handOut = (): void => handOutUncommitted(ctx, entry, rotation, link, next)
  const late = ctx.clock.setTimeout(handOut, HAND_OUT_AFTER_MS)
  // Several tries must fit into the time for which others wait before they spend the old token: also when a
  // connection is dead and nobody has noticed.
  const answerMs = Math.min(ctx.timings.storeTimeoutMs, hold.timings.settleMs / 2.5)
  entry.inHand = true
  try {
    for (let failures = 1; ; failures++) {
      const asked = await tryStore(ctx, (store) => store.commit({ ...link, attempt, next }), answerMs)
      const answered = asked instanceof EvergrantError ? undefined : asked
      const other = answered && otherLink(answered, link)
      if (
        answered &&
        other &&
        other.generation > link.generation &&
        holdsSpent(other, sent.tokens.refreshToken?.reveal(), next)
      ) {
        link = linkOf(other)
        follow(ctx, entry, rotation, other, answered)
        if (entry.uncommitted) {
          entry.uncommitted = false
          handOut()
        }
        continue
      }
      const forgotten = other && other.generation < link.generation ? other : undefined
      if (answered && !forgotten) {
        return await conclude(ctx, entry, rotation, link, next, answered, elapsedMs(ctx.clock, startedAt))
      }
      handOut()
      if (ctx.lifecycle.abandoned) return uncommitted(entry)
      // A store that forgot the link before ours gets that one first; then ours fits again.
      if (forgotten && isSameLink(sent.record, link)) await commitAgain(ctx, sent, forgotten)
      const retryMs = Math.min(backoffMs('store', failures, ctx.chance), hold.timings.settleMs / 5)
      await rotation.progress.pause(forgotten ? Math.min(retryMs, 50) : retryMs)
    }
  } finally {
    ctx.clock.clearTimeout(late)
  }
}

/** The record of a store that holds another link of our chain: an older one, if it forgot writes. */
function otherLink({ answer }: Asked<CommitAnswer>, link: GrantLink): GrantRecord | undefined {
  return answer.status === 'superseded' && answer.record.chain === link.chain ? answer.record : undefined
}

/** Ours follows a newer link than we knew: callers must not go on with the older one, should the store be away now. */
function follow(
  { questions }: ManagerContext,
  entry: GrantEntry,
  { progress }: Rotation,
  newer: GrantRecord,
  { answer, order }: Asked<Timed<CommitAnswer>>,
): void {
  adopt(questions, entry, newer, { nowMs: answer.nowMs, order })
  // Its access token may have died with the refresh token that both hold.
  progress.tokenSent(linkOf(newer))
}

async function conclude(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  link: GrantLink,
  next: TokenPair,
  { answer, order }: Asked<Timed<CommitAnswer>>,
  tookMs: number,
): Promise<RotationStep> {
  entry.inHand = false
  entry.uncommitted = false
  if (answer.status === 'missing') {
    // Removed meanwhile: recreating it would undo what the application did.
    forgetLink(ctx.questions, entry, { nowMs: answer.nowMs, order })
    ctx.emit({ type: 'grant.successor_dropped', ...link })
    rotation.progress.serveWaiters()
    await revokeAtProvider(ctx, decodeTokens({ ...next, grantId: link.grantId }))
    return { kind: 'moved' }
  }
  adopt(ctx.questions, entry, answer.record, { nowMs: answer.nowMs, order })
  if (answer.status === 'superseded') {
    ctx.emit({ type: 'grant.successor_dropped', ...link })
    return { kind: 'moved' }
  }
  ctx.emit({ type: 'grant.rotated', ...linkOf(answer.record), tookMs: Math.round(tookMs) })
  return unusable(ctx, entry) ?? { kind: 'moved' }
}

/** A successor that cannot be used as it came must not be rotated again at once, and again. */
function unusable(ctx: ManagerContext, entry: GrantEntry): RotationStep | undefined {
  const known = entry.known as KnownGrant | undefined
  // Removed, and authorized anew perhaps: callers look again.
  if (!known) return undefined
  if (known.accessToken !== undefined && validityLeftMs(known, ctx.storeClock.now()) > 0) return undefined
  const message = 'The token endpoint answered without a usable access token'
  const afterMs = backoffMs('trouble', entry.failures + 1, ctx.chance)
  return failed('PROVIDER_UNAVAILABLE', message, entry, { reason: 'no_access_token', afterMs })
}

/** The pair works though it is not stored: callers of this process need not suffer from the store. */
function handOutUncommitted(
  ctx: ManagerContext,
  entry: GrantEntry,
  rotation: Rotation,
  link: GrantLink,
  next: TokenPair,
): void {
  if (entry.uncommitted || !entry.inHand) return
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
    // Whole milliseconds, as a store would say: never later than the clock that judges it.
    committedAtMs: Math.floor(nowMs),
  }
  // Our own word: whatever the store has said since it gave us the link before is newer.
  adopt(ctx.questions, entry, record, { nowMs: entry.knownAtMs, order: ++ctx.questions.asked })
  rotation.progress.serveWaiters()
}

function uncommitted(entry: GrantEntry): RotationStep {
  const message = 'A successor was read and could not be stored before the manager was closed'
  return failed('UNCOMMITTED_SUCCESSOR', message, entry, { afterMs: 0, giveUp: true })
}
