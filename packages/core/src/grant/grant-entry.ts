import type { AccessToken } from '../access-token.js'
import type { EvergrantError } from '../errors.js'
import type { ManagerContext } from '../manager/context.js'
import { freshUntilMs } from '../rotation/freshness.js'
import type { Rotation } from '../rotation/rotation.js'
import type { GrantKey, GrantLink, GrantRecord, ReleaseOutcome } from '../store/token-store.js'
import type { Mark } from '../time/clock.js'
import { type KnownGrant, knowGrant } from './grant-tokens.js'

/** What this process knows and does of one grant. */
export interface GrantEntry {
  readonly key: GrantKey
  /** The provider kills an access token when its successor is issued. */
  readonly killsOldToken: boolean
  known: KnownGrant | undefined
  /**
   * Store clock of the answer that `known` came with, or that told of its removal, and how many questions had been
   * asked by then.
   */
  knownAtMs: number
  knownAfter: number
  /** The same, of the first answer that told of the known chain. */
  chainKnownAfter: number
  /** Removed by this process. */
  removedChain: string | undefined
  /** Handed out without a second thought until `readyUntilMs`: the path without I/O. */
  ready: Promise<AccessToken> | undefined
  readyUntilMs: number
  /** Callers who asked for a token at the same moment and wait as one. */
  gathering: { readonly since: Mark; readonly token: Promise<AccessToken> } | undefined
  loading: Promise<void> | undefined
  rotation: Rotation | undefined
  /** A notice named a link that is not ours, or answers crossed: look before handing out. */
  stale: boolean
  /** How many questions had been asked when it became stale: only a later one can mend it ... */
  staleAfter: number
  /** ... or the very link that the notice named. */
  noticed: GrantLink | undefined
  /** An API refused the token of the known link. */
  rejected: boolean
  /** Last look at the store because of a 401, or of a failure that lasts. */
  lookedAt: Mark | undefined
  /** Why the last rotation failed, and how long to leave it alone. */
  failure:
    | {
        readonly error: EvergrantError
        readonly at: Mark
        readonly forMs: number
        /** Nobody should wait for it to pass. */
        readonly giveUp: boolean
      }
    | undefined
  /** No rotation in the background for this long. */
  quiet: { readonly at: Mark; readonly forMs: number } | undefined
  failures: number
  /** Our attempt until its bytes leave: a step whose answer was lost is repeated with the same id. */
  attempt: string | undefined
  /** A release that the store has not answered yet. */
  unreleased: (GrantLink & { readonly attempt: string; readonly outcome: ReleaseOutcome }) | undefined
  /** Attempts of this process that have ended, whatever the store still says of them. */
  readonly ended: Set<string>
  /** A successor was read and the store has not said yet that it has it. */
  inHand: boolean
  /** The store could not take it; callers of this process work with it already. */
  uncommitted: boolean
  /** Touched since the cache last looked for something to forget. */
  used: boolean
}

/** @param since - the last time that something was forgotten: what was asked before may be of before that */
export function createGrantEntry(
  key: GrantKey,
  killsOldToken: boolean,
  since: Pick<GrantEntry, 'knownAtMs' | 'knownAfter'> = { knownAtMs: 0, knownAfter: 0 },
): GrantEntry {
  return {
    key,
    killsOldToken,
    known: undefined,
    knownAtMs: since.knownAtMs,
    knownAfter: since.knownAfter,
    chainKnownAfter: 0,
    removedChain: undefined,
    ready: undefined,
    readyUntilMs: 0,
    gathering: undefined,
    loading: undefined,
    rotation: undefined,
    stale: false,
    staleAfter: 0,
    noticed: undefined,
    rejected: false,
    lookedAt: undefined,
    failure: undefined,
    quiet: undefined,
    failures: 0,
    attempt: undefined,
    unreleased: undefined,
    ended: new Set(),
    inHand: false,
    uncommitted: false,
    used: true,
  }
}

export const linkOf = ({ provider, grantId, chain, generation }: GrantLink): GrantLink => ({
  provider,
  grantId,
  chain,
  generation,
})

export const isSameLink = (
  a: Pick<GrantLink, 'chain' | 'generation'>,
  b: Pick<GrantLink, 'chain' | 'generation'>,
): boolean => a.chain === b.chain && a.generation === b.generation

/** What became of a record that the store gave us. */
export type Adoption = 'same' | 'adopted' | 'outdated' | 'rolled-back'

/** Which answer a record came with: when the store gave it, and which question it answers. */
export interface Origin {
  readonly nowMs: number
  readonly order: number
}

type Questions = ManagerContext['questions']

/**
 * Takes over what the store holds.
 *
 * Answers can cross: one to a question that was asked before the known link arrived may be older than it. Then
 * the store's clock decides, and where it cannot, we look again. A lower generation of the known chain, from a
 * question that cannot have crossed, means that the store lost a write; it is never taken over. What is older than a
 * removal is of no use: it shows what was removed.
 */
export function adopt(questions: Questions, entry: GrantEntry, record: GrantRecord, from: Origin): Adoption {
  const known = entry.known?.record
  const same = known !== undefined && isSameLink(known, record)
  const mayHaveCrossed = from.order <= entry.knownAfter
  if (mayHaveCrossed && record.chain === entry.removedChain) return 'outdated'
  if (known === undefined && mayHaveCrossed && from.nowMs <= entry.knownAtMs) return 'outdated'
  if (same && mayHaveCrossed && from.nowMs <= entry.knownAtMs) return 'same'
  if (known !== undefined && !same) {
    if (known.chain === record.chain) {
      if (record.generation < known.generation) return mayHaveCrossed ? 'outdated' : 'rolled-back'
    } else if (mayHaveCrossed && from.nowMs <= entry.knownAtMs) {
      const isTie = from.nowMs === entry.knownAtMs
      // Chains do not come back: asked when the known one was known already, this one came after it.
      if (!isTie || from.order <= entry.chainKnownAfter) {
        if (isTie) markStale(questions, entry)
        return 'outdated'
      }
    }
  }
  if (known?.chain !== record.chain) entry.chainKnownAfter = questions.asked
  entry.known = knowGrant(record)
  entry.knownAtMs = from.nowMs
  entry.knownAfter = questions.asked
  if (from.order > entry.staleAfter || (entry.noticed && isSameLink(entry.noticed, record)))
    entry.stale = false
  if (!same) {
    entry.rejected = false
    entry.failure = undefined
    entry.quiet = undefined
    entry.failures = 0
    entry.ended.clear()
  } else if (entry.failure?.error.reason === 'held' && !isWorthHolding(record, from.nowMs)) {
    entry.failure = undefined
    entry.quiet = undefined
  }
  prepare(entry)
  return same ? 'same' : 'adopted'
}

/**
 * A token whose outcome is unknown is held back while its access token works. What it is held back for may have been
 * taken back, for it was never sent; and a process that stood still learns only here that the access token is over.
 */
function isWorthHolding({ attempts, expiresAtMs }: GrantRecord, nowMs: number): boolean {
  return attempts.length > 0 && (expiresAtMs === null || expiresAtMs > nowMs)
}

/** The store says that there is no such grant: nothing of it is handed out any more, unless it came after that. */
export function forgetLink(questions: Questions, entry: GrantEntry, { order, nowMs }: Origin): void {
  if (entry.known && order <= entry.chainKnownAfter && entry.knownAtMs >= nowMs) {
    // At one and the same instant either may have been first.
    if (entry.knownAtMs === nowMs) markStale(questions, entry)
    return
  }
  forget(questions, entry, nowMs)
}

/**
 * This chain was removed by our own hand, after `seenAtMs`, when it was stored: it is not taken from any answer to what
 * has been asked so far. Another chain, seen later than that, came after it.
 */
export function forgetChain(questions: Questions, entry: GrantEntry, chain: string, seenAtMs: number): void {
  entry.removedChain = chain
  if (entry.known && entry.known.record.chain !== chain && entry.knownAtMs >= seenAtMs) {
    if (entry.knownAtMs === seenAtMs) markStale(questions, entry)
    return
  }
  forget(questions, entry, seenAtMs)
}

function forget(questions: Questions, entry: GrantEntry, nowMs: number): void {
  entry.known = undefined
  entry.knownAtMs = Math.max(entry.knownAtMs, nowMs)
  entry.knownAfter = questions.asked
  prepare(entry)
}

/** Nothing is handed out before the store was asked again. */
export function markStale(questions: Questions, entry: GrantEntry): void {
  entry.stale = true
  entry.staleAfter = questions.asked
  prepare(entry)
}

/** Makes the token ready to be handed out, or takes it back while it is being replaced. */
export function prepare(entry: GrantEntry): void {
  entry.gathering = undefined
  const { known } = entry
  const ready = known?.accessToken !== undefined && !entry.stale && !isReplacing(entry)
  entry.ready = ready ? Promise.resolve(known.accessToken as AccessToken) : undefined
  entry.readyUntilMs = ready ? freshUntilMs(known) : 0
}

/** The token at hand is known to be bad, or about to be, and its replacement is on the way. */
export function isReplacing(entry: GrantEntry): boolean {
  const { killsOldToken } = entry
  const { rotation, known } = entry
  if (rotation === undefined || known === undefined) return false
  return entry.rejected || (killsOldToken && rotation.hasSent(known.record))
}

/** A notice of the store: wakes whoever waits, and marks what is known as stale if it names another link. */
export function notice(questions: Questions, entry: GrantEntry, link: GrantLink): void {
  const known = entry.known?.record
  const older = known?.chain === link.chain && link.generation <= known.generation
  // Also where nothing is known: what is under way may be older.
  const news = !older
  if (news) {
    entry.noticed = link
    markStale(questions, entry)
  }
  entry.rotation?.wake(news ? 'news' : 'lease-free')
}
