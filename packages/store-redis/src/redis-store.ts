import type {
  AcquireAnswer,
  CommitAnswer,
  GrantKey,
  GrantLink,
  SaveAnswer,
  Superseded,
  TokenStore,
} from '@evergrant/core'
import { createDueClaims } from './due-claims.js'
import { createGrantListing } from './grant-listing.js'
import { createKeys } from './keys.js'
import { createNotices, noticeText } from './notices.js'
import type { Settings } from './options.js'
import {
  attemptText,
  expectedText,
  instantText,
  numberText,
  readNumber,
  readRecord,
  secretText,
} from './records.js'
import type { RedisCommands } from './redis-commands.js'
import { unusable } from './redis-errors.js'
import { createScriptRunner, type ScriptReply } from './script-runner.js'
import { acquireScript } from './scripts/acquire-script.js'
import { armScript } from './scripts/arm-script.js'
import { penalizeScript, takeBudgetScript } from './scripts/budget-scripts.js'
import { commitScript } from './scripts/commit-script.js'
import { failScript } from './scripts/fail-script.js'
import { loadScript } from './scripts/load-script.js'
import { releaseScript } from './scripts/release-script.js'
import { removeScript } from './scripts/remove-script.js'
import { replaceSecretScript } from './scripts/replace-secret-script.js'
import { saveScript } from './scripts/save-script.js'

/**
 * A `TokenStore` in Redis. It needs no closing: the client stays yours, and the connection behind
 * {@link RedisStore.watch} is closed with the last watcher.
 */
export interface RedisStore extends TokenStore {
  /**
   * As `TokenStore.watch`, on a connection of its own. With the server away it resolves after
   * `commandTimeoutMs` all the same, goes on trying, and begins with a `gap`.
   *
   * @throws EvergrantError `STORE_UNUSABLE` - this user may not subscribe to the channel.
   */
  watch: NonNullable<TokenStore['watch']>
}

const removedLink = ({ provider, grantId }: GrantKey): GrantLink => ({
  provider,
  grantId,
  chain: '',
  generation: 0,
})
const linkArgs = ({ chain, generation }: GrantLink): string[] => [chain, numberText(generation)]

/** What {@link superseded} understands; `switch` on the rest. */
function superseded(key: GrantKey, { status, rest }: ScriptReply): Superseded | undefined {
  if (status === 'missing') return { status }
  return status === 'superseded' ? { status, record: readRecord(key, rest[1]) } : undefined
}

/** The store over whichever client; see `nodeRedisStore` and `ioredisStore`. */
export function redisStore(commands: RedisCommands, { prefix, commandTimeoutMs }: Settings): RedisStore {
  const keys = createKeys(prefix)
  const run = createScriptRunner(commands, commandTimeoutMs)
  const notices = createNotices(commands, keys.channel, commandTimeoutMs)
  const notice = (link: GrantLink): string[] => [keys.channel, noticeText(link)]

  return {
    async load(key) {
      const { status, nowMs, rest } = await run(loadScript, [keys.grant(key)], [])
      return { nowMs, record: status === 'missing' ? undefined : readRecord(key, rest[1]) }
    },

    async save(request) {
      const { secret, expiresAtMs, renewAtMs, grantId } = request
      const pair = [secretText(secret), instantText(expiresAtMs), instantText(renewAtMs)]
      const expected = expectedText(request.expectedChain)
      const args = [...linkArgs(request), expected, ...pair, grantId, ...notice(request)]
      const reply = await run(saveScript, keys.grantAndIndexes(request), args)
      const answer = (): SaveAnswer => ({ status: 'saved', record: readRecord(request, reply.rest[1]) })
      return { ...(superseded(request, reply) ?? answer()), nowMs: reply.nowMs }
    },

    async acquire(request) {
      const { attempt, ttlMs, maxHoldMs } = request
      const args = [...linkArgs(request), attemptText(attempt), numberText(ttlMs), numberText(maxHoldMs)]
      const reply = await run(acquireScript, [keys.grant(request)], args)
      const answer = (): AcquireAnswer => {
        const untilMs = readNumber(reply.rest[0])
        if (reply.status === 'busy') return { status: 'busy', untilMs }
        const heldSinceMs = readNumber(reply.rest[1])
        return { status: 'acquired', untilMs, heldSinceMs, record: readRecord(request, reply.rest[2]) }
      }
      return { ...(superseded(request, reply) ?? answer()), nowMs: reply.nowMs }
    },

    async arm(request) {
      const { attempt, ttlMs, heldSinceMs } = request
      const args = [...linkArgs(request), attemptText(attempt), numberText(ttlMs), numberText(heldSinceMs)]
      const reply = await run(armScript, [keys.grant(request)], args)
      const { status, nowMs, rest } = reply
      if (status === 'armed') return { status, untilMs: readNumber(rest[0]), nowMs }
      if (status === 'not-holder') return { status, nowMs }
      return { ...expected(superseded(request, reply)), nowMs }
    },

    async release(request) {
      const { attempt, outcome } = request
      const args = [...linkArgs(request), attemptText(attempt), outcome, ...notice(request)]
      await run(releaseScript, [keys.grant(request)], args)
    },

    async commit(request) {
      const { attempt, next, grantId, generation } = request
      const pair = [secretText(next.secret), instantText(next.expiresAtMs), instantText(next.renewAtMs)]
      const published = notice({ ...request, generation: generation + 1 })
      const args = [...linkArgs(request), attemptText(attempt), ...pair, grantId, ...published]
      const reply = await run(commitScript, keys.grantAndIndexes(request), args)
      const answer = (): CommitAnswer => ({
        status: 'committed',
        record: readRecord(request, reply.rest[1]),
      })
      return { ...(superseded(request, reply) ?? answer()), nowMs: reply.nowMs }
    },

    async fail(request) {
      const { attempt, reason, grantId } = request
      const args = [...linkArgs(request), attemptText(attempt), reason, grantId, ...notice(request)]
      const reply = await run(failScript, keys.grantAndIndexes(request), args)
      const { status, nowMs } = reply
      if (status === 'failed' || status === 'not-holder') return { status, nowMs }
      return { ...expected(superseded(request, reply)), nowMs }
    },

    async replaceSecret(request) {
      const args = [...linkArgs(request), secretText(request.from), secretText(request.to)]
      const { status } = await run(replaceSecretScript, [keys.grant(request)], args)
      return { status: status === 'replaced' || status === 'changed' ? status : 'missing' }
    },

    async remove({ expectedChain, ...key }) {
      const args = [expectedText(expectedChain), key.grantId, ...notice(removedLink(key))]
      const { status, rest } = await run(removeScript, keys.grantAndIndexes(key), args)
      return { record: status === 'missing' ? undefined : readRecord(key, rest[1]) }
    },

    async takeBudget(request) {
      const { slot, limit, windowMs, slotMs, priority, reserve, member, waiting } = request
      const { slots, demands, blocked } = keys.budget(request.bucket)
      const window = [limit, windowMs, slotMs].map(numberText)
      const args = [slot, ...window, priority, numberText(reserve), member, numberText(waiting)]
      const { status, nowMs, rest } = await run(takeBudgetScript, [slots, demands, blocked], args)
      const instantMs = readNumber(rest[0])
      const known = { waiting: readNumber(rest[1]), nowMs }
      return status === 'granted'
        ? { status, validUntilMs: instantMs, ...known }
        : { status: 'wait', untilMs: instantMs, ...known }
    },

    async penalize({ bucket, untilMs }) {
      const { slots, demands, blocked } = keys.budget(bucket)
      await run(penalizeScript, [slots, demands, blocked], [numberText(untilMs)])
    },

    claimDue: createDueClaims(run, keys),
    list: createGrantListing(run, keys),
    watch: (watcher) => notices.watch(watcher),
  }
}

function expected<T>(answer: T | undefined): T {
  if (answer === undefined) throw unusable('ERR')
  return answer
}
