/**
 * The steps of the {@link TokenStore} contract as pure decisions about one grant: what to answer, and what
 * to keep. A store that can run code inside a transaction (memory, SQLite) needs nothing more than to call
 * them there. Their order of checks is the protocol's; `docs/rotation.md` has the counterexamples.
 */
import type {
  AcquireAnswer,
  AcquireRequest,
  ArmAnswer,
  ArmRequest,
  CommitAnswer,
  CommitRequest,
  FailAnswer,
  FailRequest,
  GrantLink,
  GrantRecord,
  ReleaseOutcome,
  SaveAnswer,
  SaveRequest,
  Superseded,
} from './token-store.js'

/** The right to rotate one grant for a while. */
export interface GrantLease {
  readonly attempt: string
  readonly untilMs: number
  /** When this attempt first got it: extensions are bounded from here. */
  readonly heldSinceMs: number
}

/** Everything a store keeps of one grant. */
export interface StoredGrant {
  readonly record: GrantRecord
  readonly lease?: GrantLease | undefined
  /** The attempt whose commit made this link: what makes a repeated commit harmless. */
  readonly committedBy?: string | undefined
  /** Until when a sweeper has this grant in hand. */
  readonly claimedUntilMs?: number | undefined
}

/** What a step answers, and the grant to keep; `next` absent: nothing to write. */
export interface StepResult<A> {
  readonly answer: A
  readonly next?: StoredGrant
}

const sameLink = (record: GrantRecord, link: GrantLink): boolean =>
  record.chain === link.chain && record.generation === link.generation

function supersededUnlessLive(grant: StoredGrant | undefined, link: GrantLink): Superseded | undefined {
  if (grant === undefined) return { status: 'missing' }
  const { record } = grant
  return sameLink(record, link) && record.state === 'live' ? undefined : { status: 'superseded', record }
}

function running(grant: StoredGrant, nowMs: number): GrantLease | undefined {
  return grant.lease !== undefined && grant.lease.untilMs > nowMs ? grant.lease : undefined
}

/**
 * @see {@link TokenStore.save}. A save of the chain that is stored already is a repetition whose first answer
 * was lost: meanwhile its token may have been armed or replaced, so it must neither drop the lease nor bring
 * the spent token back.
 */
export function saveStep(
  grant: StoredGrant | undefined,
  request: SaveRequest,
  nowMs: number,
): StepResult<SaveAnswer> {
  const { provider, grantId, chain, generation, secret, expiresAtMs, renewAtMs, expectedChain } = request
  if (grant?.record.chain === chain) return { answer: { status: 'saved', record: grant.record } }
  if (expectedChain !== undefined && expectedChain !== (grant?.record.chain ?? null)) {
    return { answer: grant ? { status: 'superseded', record: grant.record } : { status: 'missing' } }
  }
  const pair = { secret, expiresAtMs, renewAtMs }
  const link = { provider, grantId, chain, generation }
  const saved = { ...link, ...pair, state: 'live', attempts: [], sends: 0, committedAtMs: nowMs } as const
  return { answer: { status: 'saved', record: saved }, next: { record: saved } }
}

/** @see {@link TokenStore.acquire} */
export function acquireStep(
  grant: StoredGrant | undefined,
  request: AcquireRequest,
  nowMs: number,
): StepResult<AcquireAnswer> {
  const superseded = supersededUnlessLive(grant, request)
  if (superseded || grant === undefined) return { answer: superseded ?? { status: 'missing' } }
  const current = running(grant, nowMs)
  if (current && current.attempt !== request.attempt) {
    return { answer: { status: 'busy', untilMs: current.untilMs } }
  }
  const heldSinceMs = current?.heldSinceMs ?? nowMs
  const wanted = Math.min(nowMs + request.ttlMs, heldSinceMs + request.maxHoldMs)
  // An armed lease may run longer than this extension would give; it is never cut short.
  const untilMs = Math.max(wanted, current?.untilMs ?? 0)
  const lease = { attempt: request.attempt, untilMs, heldSinceMs }
  return {
    answer: { status: 'acquired', untilMs, heldSinceMs, record: grant.record },
    next: { ...grant, lease },
  }
}

/** @see {@link TokenStore.arm} */
export function armStep(
  grant: StoredGrant | undefined,
  request: ArmRequest,
  nowMs: number,
): StepResult<ArmAnswer> {
  const superseded = supersededUnlessLive(grant, request)
  if (superseded || grant === undefined) return { answer: superseded ?? { status: 'missing' } }
  const current = running(grant, nowMs)
  if (current?.attempt !== request.attempt || current.heldSinceMs !== request.heldSinceMs) {
    return { answer: { status: 'not-holder' } }
  }
  const { record } = grant
  const repeated = record.attempts.some((attempt) => attempt.id === request.attempt)
  const untilMs = Math.max(nowMs + request.ttlMs, current.untilMs)
  const armed: GrantRecord = repeated
    ? record
    : {
        ...record,
        attempts: [...record.attempts, { id: request.attempt, armedAtMs: nowMs, state: 'open' }],
        sends: record.sends + 1,
      }
  return {
    answer: { status: 'armed', untilMs },
    next: { ...grant, record: armed, lease: { ...current, untilMs } },
  }
}

/** @see {@link TokenStore.release}. Answers whether a lease became free. */
export function releaseStep(
  grant: StoredGrant | undefined,
  request: GrantLink & { readonly attempt: string; readonly outcome: ReleaseOutcome },
): StepResult<boolean> {
  if (grant === undefined || !sameLink(grant.record, request)) return { answer: false }
  const { record } = grant
  const known = record.attempts.some((attempt) => attempt.id === request.attempt)
  const held = grant.lease?.attempt === request.attempt
  if (!known && !held) return { answer: false }
  const attempts =
    request.outcome === 'lost'
      ? record.attempts.map((each) =>
          each.id === request.attempt ? { ...each, state: 'lost' as const } : each,
        )
      : record.attempts.filter((each) => each.id !== request.attempt)
  const sends = known && request.outcome === 'not-sent' ? record.sends - 1 : record.sends
  const lease = held ? undefined : grant.lease
  return { answer: held, next: { ...grant, record: { ...record, attempts, sends }, lease } }
}

/** @see {@link TokenStore.commit} */
export function commitStep(
  grant: StoredGrant | undefined,
  request: CommitRequest,
  nowMs: number,
): StepResult<CommitAnswer> {
  if (grant === undefined) return { answer: { status: 'missing' } }
  const { record } = grant
  if (!sameLink(record, request)) {
    const ownCommitRepeated =
      grant.committedBy === request.attempt &&
      record.chain === request.chain &&
      record.generation === request.generation + 1
    return { answer: { status: ownCommitRepeated ? 'committed' : 'superseded', record } }
  }
  const committed: GrantRecord = {
    provider: record.provider,
    grantId: record.grantId,
    chain: record.chain,
    generation: record.generation + 1,
    secret: request.next.secret,
    expiresAtMs: request.next.expiresAtMs,
    renewAtMs: request.next.renewAtMs,
    state: 'live',
    attempts: [],
    sends: 0,
    committedAtMs: nowMs,
  }
  return {
    answer: { status: 'committed', record: committed },
    next: { record: committed, committedBy: request.attempt },
  }
}

/** @see {@link TokenStore.fail} */
export function failStep(
  grant: StoredGrant | undefined,
  request: FailRequest,
  nowMs: number,
): StepResult<FailAnswer> {
  if (grant === undefined) return { answer: { status: 'missing' } }
  const { record } = grant
  if (!sameLink(record, request)) return { answer: { status: 'superseded', record } }
  if (record.state === 'dead') return { answer: { status: 'failed' } }
  if (running(grant, nowMs)?.attempt !== request.attempt) return { answer: { status: 'not-holder' } }
  const attempts = record.attempts.filter((attempt) => attempt.id !== request.attempt)
  const dead: GrantRecord = { ...record, state: 'dead', reason: request.reason, attempts }
  return { answer: { status: 'failed' }, next: { ...grant, record: dead, lease: undefined } }
}
