import type { BudgetBucket, GrantKey, GrantLink, StoredGrant, TokenStore } from '@evergrant/core'
import type { Core } from '../core.js'

/** Names of the contract's steps. */
export type StoreStep = Exclude<keyof TokenStore, 'watch'>

/** One step that a store carried out. */
export interface StoreWrite {
  readonly step: StoreStep
  readonly request: unknown
  readonly key: GrantKey | undefined
  readonly before: StoredGrant | undefined
  readonly after: StoredGrant | undefined
  readonly answer: unknown
  /** True time. */
  readonly atMs: number
}

/** A store's state and its steps, each atomic: `run` is called when a request arrives. */
export interface SimStore {
  readonly name: string
  nowMs(): number
  run(step: StoreStep, request: unknown): StoreWrite
  get(key: GrantKey): StoredGrant | undefined
  all(): Iterable<StoredGrant>
  /** Forgets what was written since then, as a failover can. Returns the grants that changed by it. */
  forgetSince(sinceMs: number): readonly StoredGrant[]
  bucket(name: string): BudgetBucket | undefined
}

interface Undo {
  readonly atMs: number
  readonly kind: 'grant' | 'bucket'
  readonly name: string
  readonly grant: StoredGrant | undefined
  readonly bucket: BudgetBucket | undefined
}

const rowName = ({ provider, grantId }: GrantKey): string => `${provider}/${grantId}`

export function createSimStore(
  core: Core,
  options: {
    readonly name: string
    readonly now: () => number
    readonly offsetMs: number
    readonly remembersMs: number
  },
): SimStore {
  const grants = new Map<string, StoredGrant>()
  const buckets = new Map<string, BudgetBucket>()
  let undo: Undo[] = []
  const nowMs = (): number => Math.floor(options.now() + options.offsetMs)

  function remember(entry: Omit<Undo, 'atMs'>): void {
    if (options.remembersMs === 0) return
    const atMs = options.now()
    undo.push({ ...entry, atMs })
    if (undo.length > 500) undo = undo.filter((each) => each.atMs >= atMs - options.remembersMs)
  }

  function put(name: string, grant: StoredGrant | undefined): void {
    remember({ kind: 'grant', name, grant: grants.get(name), bucket: undefined })
    if (grant) grants.set(name, grant)
    else grants.delete(name)
  }

  /** Pure step on one grant, its result kept. */
  function change(
    key: GrantKey,
    step: (
      grant: StoredGrant | undefined,
      atMs: number,
    ) => { readonly answer: unknown; readonly next?: StoredGrant },
    wrap: (answer: never, atMs: number) => unknown,
  ): { before: StoredGrant | undefined; after: StoredGrant | undefined; answer: unknown } {
    const name = rowName(key)
    const before = grants.get(name)
    const atMs = nowMs()
    const { answer, next } = step(before, atMs)
    if (next) put(name, next)
    return { before, after: next ?? before, answer: wrap(answer as never, atMs) }
  }

  const timed = (answer: object, atMs: number): unknown => ({ ...answer, nowMs: atMs })
  type Step = (request: never) => {
    before?: StoredGrant | undefined
    after?: StoredGrant | undefined
    answer: unknown
  }
  type R<S extends StoreStep> = Parameters<TokenStore[S]>[0]

  const steps: Record<StoreStep, Step> = {
    load: (key: R<'load'>) => {
      const grant = grants.get(rowName(key))
      return { before: grant, after: grant, answer: { record: grant?.record, nowMs: nowMs() } }
    },
    save: (request: R<'save'>) =>
      change(request, (grant, atMs) => core.saveStep(grant, request, atMs), timed),
    acquire: (request: R<'acquire'>) =>
      change(request, (grant, atMs) => core.acquireStep(grant, request, atMs), timed),
    arm: (request: R<'arm'>) => change(request, (grant, atMs) => core.armStep(grant, request, atMs), timed),
    release: (request: R<'release'>) =>
      change(
        request,
        (grant) => core.releaseStep(grant, request),
        (answer) => answer,
      ),
    commit: (request: R<'commit'>) =>
      change(request, (grant, atMs) => core.commitStep(grant, request, atMs), timed),
    fail: (request: R<'fail'>) =>
      change(request, (grant, atMs) => core.failStep(grant, request, atMs), timed),
    replaceSecret: () => {
      throw new Error('the simulation seals nothing')
    },
    remove: (request: R<'remove'>) => {
      const before = grants.get(rowName(request))
      const { expectedChain } = request
      if (!before || (expectedChain !== undefined && before.record.chain !== expectedChain)) {
        return { before, after: before, answer: { record: undefined } }
      }
      put(rowName(request), undefined)
      return { before, after: undefined, answer: { record: before.record } }
    },
    takeBudget: (request: R<'takeBudget'>) => {
      const atMs = nowMs()
      const bucket = buckets.get(request.bucket)
      const { answer, next } = core.takeBudgetStep(bucket ?? core.emptyBucket, request, atMs)
      remember({ kind: 'bucket', name: request.bucket, bucket, grant: undefined })
      buckets.set(request.bucket, next)
      return { answer: { ...answer, nowMs: atMs } }
    },
    penalize: ({ bucket: name, untilMs }: R<'penalize'>) => {
      const bucket = buckets.get(name)
      remember({ kind: 'bucket', name, bucket, grant: undefined })
      buckets.set(name, core.penalizeStep(bucket ?? core.emptyBucket, untilMs))
      return { answer: undefined }
    },
    claimDue: ({ provider, beforeMs, limit, holdMs }: R<'claimDue'>) => {
      const atMs = nowMs()
      const due: StoredGrant[] = []
      for (const grant of grants.values()) {
        const { record, claimedUntilMs = 0 } = grant
        if (record.provider !== provider || record.state !== 'live') continue
        if (record.renewAtMs !== null && record.renewAtMs <= beforeMs && claimedUntilMs <= atMs)
          due.push(grant)
      }
      const dueSinceMs = ({ record, claimedUntilMs = 0 }: StoredGrant): number =>
        Math.max(record.renewAtMs ?? 0, claimedUntilMs)
      due.sort((a, b) => dueSinceMs(a) - dueSinceMs(b))
      const claimed = due.slice(0, limit)
      for (const grant of claimed) put(rowName(grant.record), { ...grant, claimedUntilMs: atMs + holdMs })
      return {
        answer: { keys: claimed.map(({ record }) => ({ provider, grantId: record.grantId })), nowMs: atMs },
      }
    },
    list: ({ provider, limit }: R<'list'>) => {
      const records = [...grants.values()]
        .map(({ record }) => record)
        .filter((each) => each.provider === provider)
      return { answer: { records: records.slice(0, limit) } }
    },
  }

  return {
    name: options.name,
    nowMs,
    run(step, request) {
      const key = (request as Partial<GrantLink>).grantId === undefined ? undefined : (request as GrantKey)
      const { before, after, answer } = steps[step](request as never)
      return { step, request, key, before, after, answer, atMs: options.now() }
    },
    get: (key) => grants.get(rowName(key)),
    all: () => grants.values(),
    forgetSince(sinceMs) {
      const changed = new Map<string, StoredGrant>()
      for (let last = undo.at(-1); last && last.atMs >= sinceMs; last = undo.at(-1)) {
        undo.pop()
        const { kind, name, grant, bucket } = last
        if (kind === 'grant') {
          const now = grants.get(name)
          if (now && !changed.has(name)) changed.set(name, now)
          if (grant) grants.set(name, grant)
          else grants.delete(name)
        } else if (bucket) buckets.set(name, bucket)
        else buckets.delete(name)
      }
      return [...changed.values()]
    },
    bucket: (name) => buckets.get(name),
  }
}
