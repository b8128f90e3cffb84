import { EvergrantError } from '../errors.js'
import { adopt, linkOf } from '../grant/grant-entry.js'
import { decodeTokens, type GrantTokens } from '../grant/grant-tokens.js'
import { backoffMs } from '../rotation/backoff.js'
import type { GrantKey, GrantRecord, TokenPair } from '../store/token-store.js'
import { createAlarm } from '../time/alarm.js'
import type { Patience } from '../time/patience.js'
import { askStore } from './ask-store.js'
import type { ManagerContext } from './context.js'

/**
 * Stores a new authorization as the first link of a new chain: it wins over whatever goes on with the old one.
 * @throws EvergrantError `STORE_UNAVAILABLE`
 */
export async function saveNewChain(
  ctx: ManagerContext,
  key: GrantKey,
  pair: TokenPair,
  chain: string,
): Promise<GrantRecord> {
  const { answer, order } = await askStore(ctx, (store) =>
    store.save({ ...key, ...pair, chain, generation: 1 }),
  )
  const entry = ctx.grants.ensure(key)
  adopt(ctx.questions, entry, answer.record, { nowMs: answer.nowMs, order })
  entry.rotation?.wake('news')
  ctx.emit({ type: 'grant.saved', ...linkOf(answer.record) })
  return answer.record
}

/**
 * The stored refresh token, for an authorization whose reply has none. Taken under the lease and with no send
 * under way, so that it is not one that a rotation is spending right now.
 */
export async function keepStoredToken(
  ctx: ManagerContext,
  key: GrantKey,
  patience: Patience,
): Promise<GrantTokens | undefined> {
  const attempt = ctx.chance.id()
  const alarm = createAlarm(ctx.clock)
  for (;;) {
    const { answer: loaded } = await askStore(ctx, (store) => store.load(key))
    if (!loaded.record) return undefined
    const { leaseMs: ttlMs, maxHoldMs } = ctx.timings
    const request = { ...linkOf(loaded.record), attempt, ttlMs, maxHoldMs }
    const { answer } = await askStore(ctx, (store) => store.acquire(request))
    if (answer.status === 'superseded' && answer.record.state === 'dead') return undefined
    if (answer.status === 'acquired') {
      if (answer.record.attempts.length === 0) return decodeTokens(answer.record)
      const release = { ...linkOf(loaded.record), attempt, outcome: 'not-sent' } as const
      await askStore(ctx, (store) => store.release(release))
      const message = 'The stored refresh token was sent with unknown outcome: it cannot be kept'
      throw new EvergrantError('OUTCOME_UNKNOWN', message, { grantId: key.grantId })
    }
    await patience.wait(alarm.wait(backoffMs('store', 1, ctx.chance)))
  }
}
