import { type BudgetBucket, type BudgetDemand, type BudgetSlot, emptyBucket } from '@evergrant/core'
import { parseStored } from './stored-json.js'
import type { Statements } from './transactions.js'

/** The shared budget of one bucket as it stands. */
export function readBucket(statement: Statements, bucket: string): BudgetBucket {
  const row = statement('SELECT slots, demands, blocked_until_ms FROM budgets WHERE bucket = ?').get([
    bucket,
  ]) as { readonly slots: string; readonly demands: string; readonly blocked_until_ms: number } | undefined
  if (row === undefined) return emptyBucket
  return {
    slots: parseStored<BudgetSlot[]>(row.slots),
    demands: parseStored<BudgetDemand[]>(row.demands),
    blockedUntilMs: row.blocked_until_ms,
  }
}

/** Replaces it. */
export function writeBucket(statement: Statements, bucket: string, next: BudgetBucket): void {
  const values = [bucket, JSON.stringify(next.slots), JSON.stringify(next.demands), next.blockedUntilMs]
  statement(
    'INSERT OR REPLACE INTO budgets (bucket, slots, demands, blocked_until_ms) VALUES (?, ?, ?, ?)',
  ).run(values)
}
