import {
  type LedgerData,
  type LedgerEntry,
  type LedgerQueries,
  queryLedger,
  type RevokedFamily,
} from './ledger-queries.js'

/** An append-only record of every token, API and revocation request, and the questions tests ask of it. */
export interface Ledger extends LedgerQueries {
  /** A point in time: pass it to {@link Ledger.since}. */
  mark(): LedgerMark
  /** The same questions about what arrived after the mark. */
  since(mark: LedgerMark): LedgerQueries
  /** Forgets everything so far; requests still being served are forgotten too. */
  clear(): void
}

/** A position in the ledger; survives JSON. */
export interface LedgerMark {
  readonly seq: number
  readonly revokedFamilies: number
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }
type LedgerChanges = Partial<Omit<LedgerEntry, 'seq' | 'atMs' | 'kind' | 'inFlight'>>

/** An entry that is still being written. */
export interface OpenEntry {
  readonly entry: LedgerEntry
  update(changes: LedgerChanges): void
  end(changes: LedgerChanges): void
}

export interface LedgerBook {
  readonly ledger: Ledger
  data(mark?: LedgerMark): LedgerData
  open(
    start: Pick<LedgerEntry, 'kind' | 'method' | 'path' | 'caller'>,
    connectionStands: () => boolean,
  ): OpenEntry
  familyRevoked(revoked: RevokedFamily): void
  /** Whether the request that first spent this token (fingerprint) got no usable reply. */
  replyWasLost(spentToken: string): boolean
}

/** Makes an empty ledger on the server's clock. */
export function createLedger(now: () => number): LedgerBook {
  let seq = 0
  let entries: LedgerEntry[] = []
  let revokedFamilies: RevokedFamily[] = []
  let forgottenRevocations = 0
  const serving = { token: 0, api: 0, revoke: 0 }
  const spentBy = new Map<string, { entry: LedgerEntry; connectionStands: () => boolean }>()

  function data(mark: LedgerMark = { seq: 0, revokedFamilies: 0 }): LedgerData {
    return {
      entries: entries.filter((entry) => entry.seq > mark.seq).map((entry) => ({ ...entry })),
      revokedFamilies: revokedFamilies.slice(Math.max(0, mark.revokedFamilies - forgottenRevocations)),
    }
  }

  const ledger: Ledger = {
    ...queryLedger(data),
    mark: () => ({ seq, revokedFamilies: forgottenRevocations + revokedFamilies.length }),
    since: (mark) => queryLedger(() => data(mark)),
    clear() {
      entries = []
      forgottenRevocations += revokedFamilies.length
      revokedFamilies = []
    },
  }

  return {
    ledger,
    data,
    open(start, connectionStands) {
      seq += 1
      const entry: Writable<LedgerEntry> = {
        seq,
        atMs: now(),
        endedAtMs: null,
        ...start,
        clientId: null,
        grantType: null,
        presented: null,
        issuedAccessToken: null,
        issuedRefreshToken: null,
        family: null,
        outcome: 'pending',
        decision: 'none',
        doubleSpend: false,
        afterLostReply: false,
        status: null,
        replyDelivered: false,
        clientGone: false,
        inFlight: serving[start.kind],
      }
      entries.push(entry)
      serving[start.kind] += 1
      const update = (changes: LedgerChanges): void => {
        Object.assign(entry, changes)
        if (entry.decision === 'rotated' && entry.presented !== null && !spentBy.has(entry.presented)) {
          spentBy.set(entry.presented, { entry, connectionStands })
        }
      }
      return {
        entry,
        update,
        end(changes) {
          if (entry.endedAtMs !== null) return
          update({ endedAtMs: now(), ...changes })
          serving[start.kind] -= 1
        },
      }
    },
    familyRevoked: (revoked) => void revokedFamilies.push(revoked),
    replyWasLost(spentToken) {
      const first = spentBy.get(spentToken)
      if (!first) return false
      if (first.entry.outcome.startsWith('fault:')) return true
      return first.entry.endedAtMs === null ? !first.connectionStands() : !first.entry.replyDelivered
    },
  }
}
