/** What the year came to. */
export interface YearResults {
  readonly grants: number
  readonly processes: number
  readonly rotations: number
  readonly requests: number
  /** Requests of the year by all that 300 a minute allow. */
  readonly budgetUsedShare: number
  /** The same for the busiest minute. */
  readonly busiestMinuteShare: number
  /** Most requests in any 60 seconds, however they fall: more than the limit breaks P4. */
  readonly mostInAnyWindow: number
  readonly calls: number
  readonly callsFailed: number
  /** Of these, how many while nothing was down and the secret was the right one. */
  readonly failedOutsideTrouble: number
  readonly failures: Readonly<Record<string, number>>
  /** Of callers who got their token. */
  readonly longestWaitMs: number
  readonly grantsLost: number
  /** Refresh tokens that the server had replaced already. */
  readonly refused: number
  readonly leastLifeLeftDays: number
  /** Grants of this life that the background share of the budget can keep alive, by `planRenewals`. */
  readonly saturatesAtGrants: number
  /** The same, found by a fleet on tokens of an hour: how many of so many grants lapsed or came late. */
  readonly saturation: readonly SaturationPoint[]
  /** After a collection; the store's million strings and the server's books are most of it. */
  readonly heapMb: { readonly afterImport: number; readonly atTheEnd: number }
  /** The year itself, and all with the search for saturation. */
  readonly yearMinutes: number
  readonly tookMinutes: number
  readonly steps: number
  /** Of everything that happened: the same seed plays the same year. */
  readonly hash: number
}

export interface SaturationPoint {
  readonly shareOfMost: number
  readonly grants: number
  readonly lapsed: number
}
