import { EvergrantError } from '../errors.js'
import { adopt } from '../grant/adopt.js'
import { linkOf } from '../grant/grant-entry.js'
import { decodeTokens, type GrantTokens } from '../grant/grant-tokens.js'
import { backoffMs } from '../rotation/backoff.js'
import type { GrantKey, GrantRecord, TokenPair } from '../store/token-store.js'
import { createAlarm } from '../time/alarm.js'
import type { Patience } from '../time/patience.js'
import { askStore } from './ask-store.js'
import type { ManagerContext } from './context.js'

/**
 * Stores a new authorization as the first link of a new chain: it wins over whatever goes on with the old one.
 *
 * @param seen - what was stored when this authorization was made
 * @returns `undefined` when something else is stored by now: look again
 * @throws EvergrantError `STORE_UNAVAILABLE`
 */
export async function saveNewChain(
  ctx: ManagerContext,
  key: GrantKey,
  pair: TokenPair,
  chain: string,
  seen: GrantRecord | undefined,
): Promise<GrantRecord | undefined> {
  const request = { ...key, ...pair, chain, generation: 1, expectedChain: seen?.chain ?? null } as const
  // Before we ask: a notice that comes before the answer must find it.
  ctx.grants.ensure(key)
  const { answer, order } = await askStore(ctx, (store) => store.save(request))
  if (answer.status !== 'saved') return undefined
  const entry = ctx.grants.ensure(key)
  adopt(ctx.questions, entry, answer.record, { nowMs: answer.nowMs, order, replaced: seen?.chain })
  // Who waited for the old authorization's rotation has what it wants.
  entry.rotation?.progress.serveWaiters()
  entry.rotation?.wake('news')
  ctx.emit({ type: 'grant.saved', ...linkOf(answer.record) })
  return answer.record
}

/**
 * Gives the stored grant another access token and keeps its refresh token, for a reply that has none. A commit,
 * for it must not undo what a rotation stores meanwhile; under the lease and with no send under way, so that the
 * kept token is not one that is being spent right now.
 *
 * @returns `undefined` when nothing is stored that could be kept
 */
export async function saveKeepingRefreshToken(
  ctx: ManagerContext,
  key: GrantKey,
  pairFrom: (previous: GrantTokens) => TokenPair,
  patience: Patience,
): Promise<GrantRecord | undefined> {
  const attempt = ctx.chance.id()
  const alarm = createAlarm(ctx.clock)
  for (;;) {
    const { answer: loaded } = await askStore(ctx, (store) => store.load(key))
    if (loaded.record?.state !== 'live') return undefined
    const link = linkOf(loaded.record)
    const { leaseMs: ttlMs, maxHoldMs } = ctx.timings
    const { answer } = await askStore(ctx, (store) => store.acquire({ ...link, attempt, ttlMs, maxHoldMs }))
    if (answer.status === 'acquired') {
      if (answer.record.attempts.length > 0) {
        await askStore(ctx, (store) => store.release({ ...link, attempt, outcome: 'not-sent' }))
        const message = 'The stored refresh token was sent with unknown outcome: it cannot be kept'
        throw new EvergrantError('OUTCOME_UNKNOWN', message, key)
      }
      const next = pairFrom(decodeTokens(answer.record))
      // As in `saveNewChain`.
      ctx.grants.ensure(key)
      const committed = await askStore(ctx, (store) => store.commit({ ...link, attempt, next }))
      if (committed.answer.status === 'committed') {
        const { record, nowMs } = committed.answer
        adopt(ctx.questions, ctx.grants.ensure(key), record, { nowMs, order: committed.order })
        ctx.emit({ type: 'grant.saved', ...linkOf(record) })
        return record
      }
    }
    await patience.wait(alarm.wait(backoffMs('store', 1, ctx.chance)))
  }
}
