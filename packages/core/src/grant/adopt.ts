import type { ManagerContext } from '../manager/context.js'
import type { GrantLink, GrantRecord } from '../store/token-store.js'
import { type GrantEntry, isSameLink, markStale, prepare } from './grant-entry.js'
import { knowGrant } from './grant-tokens.js'

type Questions = ManagerContext['questions']

/** What became of a record that the store gave us. */
export type Adoption = 'same' | 'adopted' | 'outdated' | 'rolled-back'

/** Which answer a record came with: when the store gave it, and which question it answers. */
export interface Origin {
  readonly nowMs: number
  readonly order: number
  /** The chain that stood there before, where the store was told to take its place: that one is older for sure. */
  readonly replaced?: string | undefined
}

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
  if (known === undefined && mayHaveCrossed && from.nowMs < entry.knownAtMs) return 'outdated'
  if (same && mayHaveCrossed && from.nowMs <= entry.knownAtMs) return 'same'
  if (known !== undefined && !same) {
    if (known.chain === record.chain) {
      if (record.generation < known.generation) return mayHaveCrossed ? 'outdated' : 'rolled-back'
    } else if (mayHaveCrossed && from.nowMs <= entry.knownAtMs && known.chain !== from.replaced) {
      const isTie = from.nowMs === entry.knownAtMs
      // Chains do not come back: asked when the known one was known already, this one came after it.
      if (!isTie || from.order <= entry.chainKnownAfter) {
        if (isTie) markStale(questions, entry)
        return 'outdated'
      }
    }
  }
  const isDoubtful = known === undefined && mayHaveCrossed && from.nowMs === entry.knownAtMs
  if (known?.chain !== record.chain) entry.chainKnownAfter = questions.asked
  entry.known = knowGrant(record)
  entry.knownAtMs = from.nowMs
  entry.knownAfter = questions.asked
  if (from.order > entry.staleAfter || (entry.noticed && isSameLink(entry.noticed, record)))
    entry.stale = false
  // In the millisecond of the removal: either may have been first, so we look.
  if (isDoubtful) markStale(questions, entry)
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
