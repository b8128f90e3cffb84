import type { LedgerQueries } from '@evergrant/testing'
import type { Board } from './board.js'
import type { Fleet } from './fleet.js'

/** What `--json` prints. Calls and failures are the workers' reports, the rest is the server's own ledger. */
export interface Totals {
  /** Worker processes started, replacements among them. */
  readonly processes: number
  /** API calls that ended well for the application. */
  readonly calls: number
  /** Calls that did not, and workers or steps that did not do as they should. */
  readonly failures: number
  readonly rotations: number
  readonly tokenRequests: number
  readonly doubleSpends: number
  readonly familiesRevoked: number
  readonly maxTokenRequestsInAnyMinute: number
  readonly kills: number
}

/** Requests that Passolution's token endpoint takes in a minute. */
export const budgetPerMinute = 300
const MINUTE_MS = 60_000

export function totalsOf(ledger: LedgerQueries, board: Board, fleet: Fleet): Totals {
  const sum = (of: 'calls' | 'failures'): number =>
    board.workers.reduce((total, worker) => total + worker[of], 0)
  return {
    processes: fleet.started(),
    calls: sum('calls'),
    failures: sum('failures') + board.troubles(),
    rotations: ledger.rotations().length,
    tokenRequests: ledger.tokenRequests().length,
    doubleSpends: ledger.doubleSpends().length,
    familiesRevoked: ledger.familiesRevoked().length,
    maxTokenRequestsInAnyMinute: ledger.maxTokenRequestsInAnyWindow(MINUTE_MS),
    kills: fleet.kills(),
  }
}

export function requestsInLastMinute(ledger: LedgerQueries, nowMs: number): number {
  return ledger.tokenRequests().filter(({ atMs }) => atMs > nowMs - MINUTE_MS).length
}

/** The promises that these totals break, each in a few words; none: all were kept. */
export function brokenPromises(totals: Totals): readonly string[] {
  const broken: string[] = []
  if (totals.doubleSpends > 0) broken.push(`${totals.doubleSpends} double spends`)
  if (totals.familiesRevoked > 0) broken.push(`${totals.familiesRevoked} grants revoked`)
  if (totals.failures > 0) broken.push(`${totals.failures} failures`)
  if (totals.maxTokenRequestsInAnyMinute > budgetPerMinute) {
    broken.push(`${totals.maxTokenRequestsInAnyMinute} token requests in one minute`)
  }
  return broken
}
