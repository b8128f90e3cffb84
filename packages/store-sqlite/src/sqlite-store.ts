import {
  acquireStep,
  armStep,
  commitStep,
  failStep,
  type GrantKey,
  type GrantLink,
  penalizeStep,
  releaseStep,
  type StepResult,
  type StoredGrant,
  saveStep,
  type TokenStore,
  takeBudgetStep,
} from '@evergrant/core'
import { readBucket, writeBucket } from './budget-rows.js'
import { createChangeNotices } from './change-notices.js'
import { createHolderWatch } from './dead-holders.js'
import {
  claimDueGrants,
  deleteGrant,
  type GrantRow,
  listGrants,
  readGrant,
  writeGrant,
} from './grant-rows.js'
import { checkOptions, type SqliteStoreOptions } from './options.js'
import { createTransactions } from './transactions.js'

/** A {@link TokenStore} in one SQLite file. */
export interface SqliteStore extends TokenStore {
  watch: NonNullable<TokenStore['watch']>
  /**
   * Waits for the steps that were begun, ends all watchers and lets go of the file. Later calls reject with
   * `CLOSED`. May be called again.
   */
  close(): Promise<void>
}

const removedLink = ({ provider, grantId }: GrantKey): GrantLink => ({
  provider,
  grantId,
  chain: '',
  generation: 0,
})

/**
 * Keeps grants in one SQLite file that any number of processes on this machine share.
 *
 * Every step is one transaction; when it resolves, its result is on the disk and survives `kill -9`. The file
 * is opened at the first call, created readable by its owner only, and migrated when its schema is older.
 * A lease whose process has surely ended on this machine is not waited out.
 *
 * Does not work on network file systems, and does not encrypt: tokens are stored as they are given.
 *
 * @throws TypeError - an option is wrong.
 * @returns The store; all its methods reject with an `EvergrantError`:
 *   `STORE_UNAVAILABLE` - the file is locked for too long, the disk is full, an I/O error: may be repeated.
 *   `STORE_UNUSABLE` - the folder is missing, the file is read-only, damaged, no database or of a newer
 *   version: somebody has to act; nothing was changed. `CLOSED` - after {@link SqliteStore.close}.
 */
export function sqliteStore(options: SqliteStoreOptions): SqliteStore {
  const { path, now, busyTimeoutMs } = checkOptions(options)
  const transactions = createTransactions(path, busyTimeoutMs)
  const notices = createChangeNotices(path)
  const holderWatch = createHolderWatch()

  interface Applied<A> {
    readonly answer: A
    readonly nowMs: number
    /** The grant as stored by this step; `undefined`: nothing was written. */
    readonly written: StoredGrant | undefined
  }

  /** Runs one pure step on the stored row and keeps its result, in one transaction. */
  function apply<A>(
    key: GrantKey,
    step: (grant: StoredGrant | undefined, nowMs: number) => StepResult<A>,
    signedAttempt?: string,
  ): Promise<Applied<A>> {
    return transactions.write((statement) => {
      const nowMs = now()
      const row: GrantRow | undefined = readGrant(statement, key)
      const { answer, next } = step(row && holderWatch.bury(row), nowMs)
      if (next) {
        const known = row?.holders ?? {}
        const holders = signedAttempt === undefined ? known : holderWatch.sign(known, signedAttempt)
        writeGrant(statement, { grant: next, holders })
      }
      return { answer, nowMs, written: next }
    })
  }

  async function publishing<A>(applied: Promise<Applied<A>>): Promise<Applied<A>> {
    const result = await applied
    if (result.written) notices.publish(linkOf(result.written))
    return result
  }

  return {
    async load(key) {
      return transactions.read((statement) => {
        const row = readGrant(statement, key)
        return { nowMs: now(), record: row && holderWatch.bury(row).record }
      })
    },

    async save(request) {
      const { answer, nowMs } = await publishing(apply(request, (grant, at) => saveStep(grant, request, at)))
      return { ...answer, nowMs }
    },

    async acquire(request) {
      const { attempt } = request
      const { answer, nowMs } = await apply(request, (grant, at) => acquireStep(grant, request, at), attempt)
      return { ...answer, nowMs }
    },

    async arm(request) {
      const { attempt } = request
      const { answer, nowMs } = await apply(request, (grant, at) => armStep(grant, request, at), attempt)
      return { ...answer, nowMs }
    },

    async release(request) {
      const { answer: freed, written } = await apply(request, (grant) => releaseStep(grant, request))
      if (freed && written) notices.publish(linkOf(written))
    },

    async commit(request) {
      const { answer, nowMs } = await publishing(
        apply(request, (grant, at) => commitStep(grant, request, at)),
      )
      return { ...answer, nowMs }
    },

    async fail(request) {
      const { answer, nowMs } = await publishing(apply(request, (grant, at) => failStep(grant, request, at)))
      return { ...answer, nowMs }
    },

    async replaceSecret(request) {
      return transactions.write((statement) => {
        const row = readGrant(statement, request)
        if (!row) return { status: 'missing' }
        const { record } = row.grant
        const same = record.chain === request.chain && record.generation === request.generation
        if (!same || record.secret !== request.from) return { status: 'changed' }
        writeGrant(statement, { ...row, grant: { ...row.grant, record: { ...record, secret: request.to } } })
        return { status: 'replaced' }
      })
    },

    async remove({ expectedChain, ...key }) {
      const record = await transactions.write((statement) => {
        const row = readGrant(statement, key)
        if (!row || (expectedChain ?? row.grant.record.chain) !== row.grant.record.chain) return undefined
        deleteGrant(statement, key)
        return holderWatch.bury(row).record
      })
      if (record) notices.publish(removedLink(key))
      return { record }
    },

    async takeBudget(request) {
      return transactions.write((statement) => {
        const nowMs = now()
        const { answer, next } = takeBudgetStep(readBucket(statement, request.bucket), request, nowMs)
        writeBucket(statement, request.bucket, next)
        return { ...answer, nowMs }
      })
    },

    async penalize({ bucket, untilMs }) {
      await transactions.write((statement) => {
        writeBucket(statement, bucket, penalizeStep(readBucket(statement, bucket), untilMs))
      })
    },

    async claimDue(request) {
      return transactions.write((statement) => {
        const nowMs = now()
        return { nowMs, keys: claimDueGrants(statement, request, nowMs, nowMs + request.holdMs) }
      })
    },

    async list(request) {
      const { limit } = request
      const found = await transactions.read((statement) =>
        listGrants(statement, { ...request, limit: limit + 1 }),
      )
      const records = found.slice(0, limit)
      const last = records.at(-1)
      return found.length > limit && last ? { records, next: last.grantId } : { records }
    },

    async watch(watcher) {
      await transactions.read(() => {}) // The file exists, or the caller hears why not.
      const unsubscribe = notices.subscribe(watcher)
      return async () => unsubscribe()
    },

    async close() {
      notices.close()
      await transactions.close()
    },
  }
}

function linkOf({ record }: StoredGrant): GrantLink {
  const { provider, grantId, chain, generation } = record
  return { provider, grantId, chain, generation }
}
