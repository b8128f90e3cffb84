/** A store in one JSON file, written by `docs/writing-a-store.md` alone: the smallest one that many processes can share. */
import { randomUUID } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import {
  acquireStep,
  armStep,
  type BudgetBucket,
  commitStep,
  EvergrantError,
  emptyBucket,
  failStep,
  type GrantKey,
  type GrantSummary,
  penalizeStep,
  releaseStep,
  type StepResult,
  type StoredGrant,
  saveStep,
  type Timed,
  type TokenStore,
  takeBudgetStep,
} from '@evergrant/core'

interface Contents {
  readonly grants: Record<string, StoredGrant>
  readonly buckets: Record<string, BudgetBucket>
}

const LOCK_WITHIN_MS = 5_000

/**
 * For learning, not for use: a process that is killed while it has the lock leaves it behind, and every step writes the
 * whole file.
 */
export function jsonFileStore({
  path,
  now = Date.now,
}: {
  readonly path: string
  readonly now?: () => number
}): TokenStore {
  const lockPath = `${path}.lock`

  async function takeLock(): Promise<void> {
    for (const untilMs = performance.now() + LOCK_WITHIN_MS; ; await pause(1)) {
      try {
        return await (await open(lockPath, 'wx')).close()
      } catch {
        if (performance.now() > untilMs)
          throw new EvergrantError('STORE_UNAVAILABLE', 'The file is locked', { reason: 'locked' })
      }
    }
  }

  async function read(): Promise<Contents> {
    const text = await readFile(path, 'utf8').catch(() => '{"grants":{},"buckets":{}}')
    return JSON.parse(text) as Contents
  }

  /** On the disk before it is answered, whole or not at all. */
  async function write(contents: Contents): Promise<void> {
    const fresh = `${path}.${randomUUID()}`
    const file = await open(fresh, 'w', 0o600)
    try {
      await file.writeFile(JSON.stringify(contents))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(fresh, path)
  }

  async function transaction<T>(run: (contents: Contents) => { answer: T; changed: boolean }): Promise<T> {
    await takeLock()
    try {
      const contents = await read()
      const { answer, changed } = run(contents)
      if (changed) await write(contents)
      return answer
    } finally {
      await rm(lockPath)
    }
  }

  /** One of core's pure decisions about one grant. */
  function step<A extends object>(
    key: GrantKey,
    decide: (grant: StoredGrant | undefined, nowMs: number) => StepResult<A>,
  ): Promise<Timed<A>> {
    return transaction(({ grants }) => {
      const nowMs = now()
      const { answer, next } = decide(grants[nameOf(key)], nowMs)
      if (next) grants[nameOf(key)] = next
      return { answer: { ...answer, nowMs }, changed: next !== undefined }
    })
  }

  return {
    load: async (key) => ({ nowMs: now(), record: (await read()).grants[nameOf(key)]?.record }),
    save: (request) => step(request, (grant, nowMs) => saveStep(grant, request, nowMs)),
    acquire: (request) => step(request, (grant, nowMs) => acquireStep(grant, request, nowMs)),
    arm: (request) => step(request, (grant, nowMs) => armStep(grant, request, nowMs)),
    commit: (request) => step(request, (grant, nowMs) => commitStep(grant, request, nowMs)),
    fail: (request) => step(request, (grant, nowMs) => failStep(grant, request, nowMs)),

    release: (request) =>
      transaction(({ grants }) => {
        const { next } = releaseStep(grants[nameOf(request)], request)
        if (next) grants[nameOf(request)] = next
        return { answer: undefined, changed: next !== undefined }
      }),

    replaceSecret: ({ from, to, ...link }) =>
      transaction<Awaited<ReturnType<TokenStore['replaceSecret']>>>(({ grants }) => {
        const grant = grants[nameOf(link)]
        if (!grant) return { answer: { status: 'missing' }, changed: false }
        const { record } = grant
        const isSame = record.chain === link.chain && record.generation === link.generation
        if (!isSame || record.secret !== from) return { answer: { status: 'changed' }, changed: false }
        grants[nameOf(link)] = { ...grant, record: { ...record, secret: to } }
        return { answer: { status: 'replaced' }, changed: true }
      }),

    remove: ({ expectedChain, ...key }) =>
      transaction(({ grants }) => {
        const record = grants[nameOf(key)]?.record
        const isMeant = record && (expectedChain === undefined || record.chain === expectedChain)
        if (isMeant) delete grants[nameOf(key)]
        return { answer: { record: isMeant ? record : undefined }, changed: Boolean(isMeant) }
      }),

    takeBudget: (request) =>
      transaction(({ buckets }) => {
        const nowMs = now()
        const { answer, next } = takeBudgetStep(buckets[request.bucket] ?? emptyBucket, request, nowMs)
        buckets[request.bucket] = next
        return { answer: { ...answer, nowMs }, changed: true }
      }),

    penalize: ({ bucket, untilMs }) =>
      transaction(({ buckets }) => {
        buckets[bucket] = penalizeStep(buckets[bucket] ?? emptyBucket, untilMs)
        return { answer: undefined, changed: true }
      }),

    claimDue: ({ provider, beforeMs, limit, holdMs }) =>
      transaction(({ grants }) => {
        const nowMs = now()
        const dueSinceMs = ({ record, claimedUntilMs = 0 }: StoredGrant): number =>
          Math.max(record.renewAtMs ?? 0, claimedUntilMs)
        const due = Object.values(grants)
          .filter(({ record, claimedUntilMs = 0 }) => {
            const isOurs = record.provider === provider && record.state === 'live'
            return (
              isOurs && record.renewAtMs !== null && record.renewAtMs <= beforeMs && claimedUntilMs <= nowMs
            )
          })
          .sort((a, b) => dueSinceMs(a) - dueSinceMs(b))
          .slice(0, limit)
        for (const grant of due) grants[nameOf(grant.record)] = { ...grant, claimedUntilMs: nowMs + holdMs }
        const keys = due.map(({ record }) => ({ provider, grantId: record.grantId }))
        return { answer: { nowMs, keys }, changed: due.length > 0 }
      }),

    async list({ provider, after, limit, state }) {
      const all = Object.values((await read()).grants)
        .map(({ record }) => record)
        .filter((record) => record.provider === provider && (state === undefined || record.state === state))
        .sort((a, b) => byBytes(a.grantId, b.grantId))
        .filter(({ grantId }) => after === undefined || byBytes(grantId, after) > 0)
      const records = all.slice(0, limit).map(({ secret: _, ...summary }): GrantSummary => summary)
      const last = records.at(-1)
      return all.length > limit && last ? { records, next: last.grantId } : { records }
    },
  }
}

const nameOf = ({ provider, grantId }: GrantKey): string => JSON.stringify([provider, grantId])

/** As databases with a binary collation do; UTF-16 order differs for emoji. */
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
