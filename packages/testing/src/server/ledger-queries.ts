/** What kind of request an entry records. */
export type LedgerKind = 'token' | 'api' | 'revoke'

/**
 * What the server did to its own state.
 *
 * `rotated`: a refresh token was spent and replaced · `kept`: refreshed without replacing it · `grace`: a spent one
 * was accepted in its grace · `issued`: code exchange or client credentials · `reuse`: a spent one was refused ·
 * `refused`: any other refusal of a token or code · `invalid_client` · `invalid_request`: malformed ·
 * `throttled` · `ok`, `unauthenticated`: API · `revoked`: RFC 7009 · `none`: nothing (yet).
 */
export type LedgerDecision =
  | 'rotated'
  | 'kept'
  | 'grace'
  | 'issued'
  | 'reuse'
  | 'refused'
  | 'invalid_client'
  | 'invalid_request'
  | 'throttled'
  | 'ok'
  | 'unauthenticated'
  | 'revoked'
  | 'none'

/**
 * How a request ended: as the server decided, spoiled by a fault, `pending` (still being served), `aborted` (its body
 * never arrived in full) or `dropped` (the server closed while holding it).
 */
export type LedgerOutcome = LedgerDecision | 'pending' | 'aborted' | 'dropped' | `fault:${string}`

/** One request. Tokens appear as fingerprints only, never themselves. */
export interface LedgerEntry {
  /** Order of arrival, from 1. */
  readonly seq: number
  /** Arrival, epoch milliseconds on the server's clock. */
  readonly atMs: number
  /** When the reply was written or the connection gone; `null`: still being served. */
  readonly endedAtMs: number | null
  readonly kind: LedgerKind
  readonly method: string
  readonly path: string
  /** Address of the caller. */
  readonly caller: string
  readonly clientId: string | null
  readonly grantType: string | null
  /** Fingerprint of the refresh token, access token or code that was presented. */
  readonly presented: string | null
  readonly issuedAccessToken: string | null
  readonly issuedRefreshToken: string | null
  readonly family: string | null
  readonly outcome: LedgerOutcome
  readonly decision: LedgerDecision
  /** The refresh token had been spent before, outside grace. */
  readonly doubleSpend: boolean
  /** With `doubleSpend`: the reply to the first use never reached its sender in good order. */
  readonly afterLostReply: boolean
  /** HTTP status of the reply; `null`: none was sent. */
  readonly status: number | null
  /** The whole reply was handed to the operating system while the connection stood. */
  readonly replyDelivered: boolean
  /** The client closed its connection while the server was at work on the request. */
  readonly clientGone: boolean
  /** Requests of the same kind that were already being served when this one arrived. */
  readonly inFlight: number
}

/** One family whose tokens were all revoked. */
export interface RevokedFamily {
  readonly family: string
  readonly atMs: number
  readonly cause: 'reuse' | 'code-reuse' | 'revocation-endpoint' | 'control'
}

/** Fields to match; absent ones match anything. */
export interface LedgerFilter {
  readonly clientId?: string
  readonly family?: string
  readonly grantType?: string
  readonly outcome?: LedgerOutcome
  readonly decision?: LedgerDecision
}

/** Questions to a ledger. Answers are snapshots. */
export interface LedgerQueries {
  entries(): readonly LedgerEntry[]
  tokenRequests(filter?: LedgerFilter): readonly LedgerEntry[]
  apiRequests(filter?: LedgerFilter): readonly LedgerEntry[]
  revokeRequests(filter?: LedgerFilter): readonly LedgerEntry[]
  /** Requests that spent and replaced a refresh token, whether or not their reply arrived. */
  rotations(): readonly LedgerEntry[]
  /**
   * Presentations of a refresh token that had been spent before, outside grace, whatever came of them.
   *
   * @param options.ignoreAfterLostReply - Leave out those whose first use got no usable reply: a client whose reply
   *   was lost cannot know. @defaultValue false
   */
  doubleSpends(options?: { readonly ignoreAfterLostReply?: boolean }): readonly LedgerEntry[]
  /** Families revoked, for any cause or the given one. */
  familiesRevoked(cause?: RevokedFamily['cause']): readonly RevokedFamily[]
  /** The most token requests (throttled ones too) that arrived within any `windowMs`, a true sliding window. */
  maxTokenRequestsInAnyWindow(windowMs: number, filter?: LedgerFilter): number
}

/** Plain data behind the queries; crosses process boundaries. */
export interface LedgerData {
  readonly entries: readonly LedgerEntry[]
  readonly revokedFamilies: readonly RevokedFamily[]
}

const filterFields = ['clientId', 'family', 'grantType', 'outcome', 'decision'] as const

function matches(entry: LedgerEntry, filter: LedgerFilter): boolean {
  return filterFields.every((name) => filter[name] === undefined || filter[name] === entry[name])
}

/** The same queries over any ledger data, here or from another process. */
export function queryLedger(read: () => LedgerData): LedgerQueries {
  const ofKind = (kind: LedgerKind, filter: LedgerFilter = {}): readonly LedgerEntry[] =>
    read().entries.filter((entry) => entry.kind === kind && matches(entry, filter))
  return {
    entries: () => [...read().entries],
    tokenRequests: (filter) => ofKind('token', filter),
    apiRequests: (filter) => ofKind('api', filter),
    revokeRequests: (filter) => ofKind('revoke', filter),
    rotations: () => ofKind('token', { decision: 'rotated' }),
    doubleSpends: ({ ignoreAfterLostReply = false } = {}) =>
      ofKind('token').filter(
        ({ doubleSpend, afterLostReply }) => doubleSpend && !(ignoreAfterLostReply && afterLostReply),
      ),
    familiesRevoked: (cause) =>
      read().revokedFamilies.filter((revoked) => cause === undefined || revoked.cause === cause),
    maxTokenRequestsInAnyWindow(windowMs, filter) {
      const times = ofKind('token', filter)
        .map(({ atMs }) => atMs)
        .sort((a, b) => a - b)
      let most = 0
      let first = 0
      for (const [last, atMs] of times.entries()) {
        while (atMs - (times[first] ?? atMs) >= windowMs) first += 1
        most = Math.max(most, last - first + 1)
      }
      return most
    },
  }
}
