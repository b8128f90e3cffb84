import type { TokenStore } from '@evergrant/core'
import { createListener } from './listen.js'
import { channelOf, namesOf } from './names.js'
import { checkOptions, type PostgresStoreOptions } from './options.js'
import type { PostgresPool } from './pg-like.js'
import { type SummaryJson, toAnswer, toFound, toStored, toSummary } from './rows.js'
import { createSteps } from './steps.js'

/** A {@link TokenStore} in PostgreSQL. */
export interface PostgresStore extends TokenStore {
  /**
   * Waits for the steps that were begun, ends all watchers and the connection they listened on. Later calls
   * reject with `CLOSED`. The pool is yours: end it afterwards. May be called again.
   */
  close(): Promise<void>
}

/** What `watch` is where the store has it: see {@link PostgresStoreOptions.listen}. */
export interface WatchedPostgresStore extends PostgresStore {
  watch: NonNullable<TokenStore['watch']>
}

/** A page no longer than the server can count. */
const toLimit = (limit: number): number => Math.min(Math.max(0, Math.floor(limit)), 2 ** 31)

/**
 * Keeps grants in PostgreSQL, for a fleet of processes on any number of machines.
 *
 * Every step is one round trip: a call of a procedure that locks the grant's row and decides under that lock,
 * by the server's clock. No connection is held between steps. When a step resolves it is committed; how safe
 * that is depends on the server's `fsync` and on its replicas. Run `migrate()` before the first step.
 *
 * Does not encrypt: tokens are stored as they are given. Does not retry a step whose outcome is not known.
 *
 * @param options.pool - Your `pg` Pool, connected to the primary; never ended here.
 * @throws TypeError - an option is wrong.
 * @returns The store; all its methods reject with an `EvergrantError`:
 *   `STORE_UNAVAILABLE` - server or pool cannot be reached, or take no writes: the step may be repeated.
 *   `STORE_UNUSABLE` - the schema is missing or newer, a permission is missing: somebody has to act.
 *   `CLOSED` - after {@link PostgresStore.close}.
 */
export function postgresStore(options: PostgresStoreOptions & { readonly listen: false }): PostgresStore
export function postgresStore(
  options: PostgresStoreOptions & { readonly listen?: true | PostgresPool | undefined },
): WatchedPostgresStore
export function postgresStore(options: PostgresStoreOptions): PostgresStore
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  const settings = checkOptions(options)
  const { listenPool, stepTimeoutMs } = settings
  const steps = createSteps(settings, namesOf(settings))
  const listener = listenPool && createListener(listenPool, channelOf(settings), stepTimeoutMs)

  const store: PostgresStore = {
    async load({ provider, grantId }) {
      return toFound(await steps.ask('load', provider, grantId))
    },

    async save({ provider, grantId, chain, generation, secret, expiresAtMs, renewAtMs, expectedChain }) {
      const link = [provider, grantId, chain, generation] as const
      const pair = [toStored(secret), expiresAtMs, renewAtMs] as const
      const expected = [expectedChain !== undefined, expectedChain ?? null] as const
      return toAnswer(await steps.run('save', ...link, ...pair, ...expected))
    },

    async acquire({ provider, grantId, chain, generation, attempt, ttlMs, maxHoldMs }) {
      const link = [provider, grantId, chain, generation] as const
      return toAnswer(await steps.run('acquire', ...link, attempt, ttlMs, maxHoldMs))
    },

    async arm({ provider, grantId, chain, generation, attempt, ttlMs, heldSinceMs }) {
      const link = [provider, grantId, chain, generation] as const
      return toAnswer(await steps.run('arm', ...link, attempt, ttlMs, heldSinceMs))
    },

    async release({ provider, grantId, chain, generation, attempt, outcome }) {
      await steps.run('release', provider, grantId, chain, generation, attempt, outcome)
    },

    async commit({ provider, grantId, chain, generation, attempt, next }) {
      const link = [provider, grantId, chain, generation] as const
      const pair = [toStored(next.secret), next.expiresAtMs, next.renewAtMs] as const
      return toAnswer(await steps.run('commit_successor', ...link, attempt, ...pair))
    },

    async fail({ provider, grantId, chain, generation, attempt, reason }) {
      const link = [provider, grantId, chain, generation] as const
      return toAnswer(await steps.run('fail', ...link, attempt, toStored(reason)))
    },

    async replaceSecret({ provider, grantId, chain, generation, from, to }) {
      const link = [provider, grantId, chain, generation] as const
      return toAnswer(await steps.run('replace_secret', ...link, toStored(from), toStored(to)))
    },

    async remove({ provider, grantId, expectedChain = null }) {
      return toFound(await steps.run('remove', provider, grantId, expectedChain))
    },

    async takeBudget(request) {
      const { bucket, slot, limit, windowMs, slotMs, priority, reserve, member, waiting } = request
      const isCaller = priority === 'caller'
      const window = [limit, windowMs, slotMs] as const
      return toAnswer(
        await steps.run('take_budget', bucket, slot, ...window, isCaller, reserve, member, waiting),
      )
    },

    async penalize({ bucket, untilMs }) {
      await steps.run('penalize', bucket, untilMs)
    },

    async claimDue({ provider, beforeMs, limit, holdMs }) {
      const answer = await steps.run('claim_due', provider, beforeMs, toLimit(limit), holdMs)
      const { nowMs, ids } = answer as { readonly nowMs: number; readonly ids: readonly string[] }
      return { nowMs, keys: ids.map((grantId) => ({ provider, grantId })) }
    },

    async list({ provider, after = '', limit, state = null }) {
      const wanted = toLimit(limit)
      const found = (await steps.ask('list', provider, after, wanted + 1, state)) as readonly SummaryJson[]
      const records = found.slice(0, wanted).map(toSummary)
      const last = records.at(-1)
      return found.length > wanted && last ? { records, next: last.grantId } : { records }
    },

    async close() {
      listener?.close()
      await steps.close()
    },
  }
  if (!listener) return store
  const watch: WatchedPostgresStore['watch'] = async (watcher) => {
    const unsubscribe = await listener.subscribe(watcher)
    return async () => unsubscribe()
  }
  return { ...store, watch }
}
