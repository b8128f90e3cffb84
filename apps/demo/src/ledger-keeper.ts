import {
  type AuthorizationServer,
  type LedgerEntry,
  type LedgerQueries,
  queryLedger,
} from '@evergrant/testing'

/** The server's ledger, for a server that runs all day: token requests are kept, API calls are forgotten. */
export interface LedgerKeeper extends LedgerQueries {
  /** Call it now and then. */
  forgetApiCalls(): void
}

export function keepLedger({ ledger }: Pick<AuthorizationServer, 'ledger'>): LedgerKeeper {
  const kept: LedgerEntry[] = []
  const revoked = [...ledger.familiesRevoked()]
  const queries = queryLedger(() => ({
    entries: [...kept, ...ledger.entries()],
    revokedFamilies: [...revoked, ...ledger.familiesRevoked()],
  }))
  return {
    ...queries,
    forgetApiCalls() {
      const requests = ledger.tokenRequests()
      // What is still being served is not decided: it may turn out to be a double spend.
      if (requests.some(({ endedAtMs }) => endedAtMs === null)) return
      kept.push(...requests)
      revoked.push(...ledger.familiesRevoked())
      ledger.clear()
    },
  }
}
