/** How the database finds the rows of one statement. */
export interface QueryPlan {
  /** The step of the store, or the statement itself. */
  readonly of: string
  readonly plan: string
}

/** What a look-up in an index never says: reading the whole table, or sorting what an index has in order. */
const SCANS: readonly RegExp[] = [
  /\bSCAN\b/, // SQLite
  /USE TEMP B-TREE/,
  /Seq Scan/, // PostgreSQL
  /Sort Key: (grants\.)?(renew_at_ms|grant_id)/,
]
const LOOKS_UP = /SEARCH grants USING (COVERING )?INDEX|Index (Only )?Scan/

/** What is wrong with this plan, if anything. */
export function scanIn({ of, plan }: QueryPlan): string | undefined {
  if (SCANS.some((scan) => scan.test(plan))) return `${of} scans the table`
  return LOOKS_UP.test(plan) ? undefined : `${of} uses no index`
}
