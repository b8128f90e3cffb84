import type {
  GrantKey,
  GrantLease,
  GrantRecord,
  GrantSummary,
  SendAttempt,
  StoredGrant,
} from '@evergrant/core'
import type { ProcessIdentity } from './process-identity.js'
import { parseStored } from './stored-json.js'
import type { Statements } from './transactions.js'

/** Which process stands behind the lease and each attempt, by attempt id; absent where it cannot be told. */
export type Holders = Readonly<Record<string, ProcessIdentity>>

/** A grant with what only this store knows about it. */
export interface GrantRow {
  readonly grant: StoredGrant
  readonly holders: Holders
}

interface Columns {
  readonly provider: string
  readonly grant_id: string
  readonly chain: string
  readonly generation: number
  readonly secret: string
  readonly expires_at_ms: number | null
  readonly renew_at_ms: number | null
  readonly state: 'live' | 'dead'
  readonly reason: string | null
  readonly attempts: string
  readonly sends: number
  readonly committed_at_ms: number
  readonly lease_attempt: string | null
  readonly lease_until_ms: number
  readonly lease_since_ms: number
  readonly holders: string
  readonly committed_by: string | null
  readonly claimed_until_ms: number | null
}

const summaryColumns = `provider, grant_id, chain, generation, expires_at_ms, renew_at_ms, state, reason, attempts,
  sends, committed_at_ms`
const allColumns = `${summaryColumns}, holders, secret, lease_attempt, lease_until_ms, lease_since_ms, committed_by,
  claimed_until_ms`

function toSummary(row: Columns): GrantSummary {
  return {
    provider: row.provider,
    grantId: row.grant_id,
    chain: row.chain,
    generation: row.generation,
    expiresAtMs: row.expires_at_ms,
    renewAtMs: row.renew_at_ms,
    state: row.state,
    ...(row.reason === null ? {} : { reason: row.reason }),
    attempts: parseStored<SendAttempt[]>(row.attempts),
    sends: row.sends,
    committedAtMs: row.committed_at_ms,
  }
}

function toLease(row: Columns): GrantLease | undefined {
  if (row.lease_attempt === null) return undefined
  return { attempt: row.lease_attempt, untilMs: row.lease_until_ms, heldSinceMs: row.lease_since_ms }
}

const selectGrant = `SELECT ${allColumns} FROM grants WHERE provider = ? AND grant_id = ?`

/** The stored grant, or `undefined`. */
export function readGrant(statement: Statements, { provider, grantId }: GrantKey): GrantRow | undefined {
  const row = statement(selectGrant).get([provider, grantId]) as Columns | undefined
  if (row === undefined) return undefined
  const record: GrantRecord = { ...toSummary(row), secret: parseStored<string>(row.secret) }
  return {
    grant: {
      record,
      lease: toLease(row),
      committedBy: row.committed_by ?? undefined,
      claimedUntilMs: row.claimed_until_ms ?? undefined,
    },
    holders: parseStored<Holders>(row.holders),
  }
}

const putGrant = `INSERT OR REPLACE INTO grants (${allColumns})
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

/** Replaces the whole row; holders that nothing refers to any more are left out. */
export function writeGrant(statement: Statements, { grant, holders }: GrantRow): void {
  const { record, lease, committedBy, claimedUntilMs } = grant
  const referred = new Set([lease?.attempt, ...record.attempts.map(({ id }) => id)])
  const kept = Object.fromEntries(Object.entries(holders).filter(([attempt]) => referred.has(attempt)))
  statement(putGrant).run([
    record.provider,
    record.grantId,
    record.chain,
    record.generation,
    record.expiresAtMs,
    record.renewAtMs,
    record.state,
    record.reason ?? null,
    JSON.stringify(record.attempts),
    record.sends,
    record.committedAtMs,
    JSON.stringify(kept),
    JSON.stringify(record.secret),
    lease?.attempt ?? null,
    lease?.untilMs ?? null,
    lease?.heldSinceMs ?? null,
    committedBy ?? null,
    claimedUntilMs ?? null,
  ])
}

/** Removes the row. */
export function deleteGrant(statement: Statements, { provider, grantId }: GrantKey): void {
  statement('DELETE FROM grants WHERE provider = ? AND grant_id = ?').run([provider, grantId])
}

/** SQLite refuses a LIMIT that is no integer, such as `Infinity`. */
const toLimit = (limit: number): number => Math.min(Math.max(0, Math.floor(limit)), 2 ** 31)

/** What the index is on: a claim that came to nothing is due again from its end. */
const dueSinceMs = 'max(renew_at_ms, coalesce(claimed_until_ms, 0))'

const selectDue = `SELECT grant_id FROM grants
  WHERE provider = ?1 AND state = 'live' AND renew_at_ms IS NOT NULL AND renew_at_ms <= ?2
    AND coalesce(claimed_until_ms, 0) <= ?3 AND ${dueSinceMs} <= max(?2, ?3)
  ORDER BY ${dueSinceMs} LIMIT ?4`
const claim = 'UPDATE grants SET claimed_until_ms = ? WHERE provider = ? AND grant_id = ?'

/** Claims what is due, in the order in which it became so. */
export function claimDueGrants(
  statement: Statements,
  request: { readonly provider: string; readonly beforeMs: number; readonly limit: number },
  nowMs: number,
  claimedUntilMs: number,
): GrantKey[] {
  const { provider, beforeMs, limit } = request
  const rows = statement(selectDue).all([provider, beforeMs, nowMs, toLimit(limit)]) as { grant_id: string }[]
  for (const row of rows) statement(claim).run([claimedUntilMs, provider, row.grant_id])
  return rows.map((row) => ({ provider, grantId: row.grant_id }))
}

const selectPage = `SELECT ${summaryColumns} FROM grants
  WHERE provider = ?1 AND grant_id > ?2 AND (?3 IS NULL OR state = ?3)
  ORDER BY grant_id LIMIT ?4`

/** One page in the order of the ids' bytes, which is what BINARY collation compares. */
export function listGrants(
  statement: Statements,
  request: {
    readonly provider: string
    readonly after?: string | undefined
    readonly limit: number
    readonly state?: 'live' | 'dead' | undefined
  },
): GrantSummary[] {
  const { provider, after = '', limit, state = null } = request
  const rows = statement(selectPage).all([provider, after, state, toLimit(limit)]) as Columns[]
  return rows.map(toSummary)
}

/** The statements whose plans a test looks at: each must be a look-up in an index. */
export const plannedStatements: readonly string[] = [selectGrant, selectDue, claim, selectPage]
