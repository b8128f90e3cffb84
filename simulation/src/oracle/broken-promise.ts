/** The promises of DESIGN.md by name, and what holds besides. */
export type PromiseName =
  | 'P1 spent-once'
  | 'P2 one-at-a-time'
  | 'P3 kept'
  | 'P4 within-budget'
  | 'P5 fresh'
  | 'P6 apart'
  | 'P7 silent'
  | 'P8 alive'
  | 'P9 evergreen'
  /** Generations grow, chains change by authorization alone, dead is dead. */
  | 'store'
  /** Nothing is pending after `close()`; no timer that no timer can hold; nothing throws into the void. */
  | 'process'

export interface Violation {
  readonly promise: PromiseName
  readonly what: string
  readonly grant: string | undefined
}

export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
  readonly violation: Violation

  constructor(violation: Violation) {
    super(`${violation.promise}: ${violation.what}${violation.grant ? ` (${violation.grant})` : ''}`)
    this.violation = violation
  }
}
