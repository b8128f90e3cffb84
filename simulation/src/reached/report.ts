import { FAULTS } from './faults.js'
import { ALL_OUTCOMES, type Impossible, whyNotByFault, whyNotInState } from './impossible.js'
import { STATES, type State } from './states.js'

/** What a run has reached, and what not. */
export interface CoverageReport {
  readonly tries: number
  readonly outcomes: Readonly<Record<string, number>>
  /** Of each state a try met, what came of it. */
  readonly states: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Of each fault that befell a try, what came of the try. */
  readonly faults: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Pairs never reached that ought to be. */
  readonly missing: readonly string[]
  /** Pairs reached that cannot be. */
  readonly impossible: readonly { readonly pair: string; readonly times: number; readonly because: string }[]
  /** Answers, events and errors by name. */
  readonly others: Readonly<Record<string, number>>
}

/** The longest run in which a pair may be missing by chance. */
export const LONG_RUN_SEEDS = 20_000

export function reportCoverage(counts: Readonly<Record<string, number>>): CoverageReport {
  const missing: string[] = []
  const impossible: { pair: string; times: number; because: string }[] = []
  const outcomes: Record<string, number> = Object.fromEntries(ALL_OUTCOMES.map((outcome) => [outcome, 0]))

  function rows<Of extends string>(
    kind: 'state' | 'fault',
    all: readonly Of[],
    whyNot: (of: Of, outcome: (typeof ALL_OUTCOMES)[number]) => Impossible<Of> | undefined,
  ): Record<string, Record<string, number>> {
    const made: Record<string, Record<string, number>> = {}
    for (const of of all) {
      const row: Record<string, number> = {}
      for (const outcome of ALL_OUTCOMES) {
        const pair = `${kind} ${of} × ${outcome}`
        const times = counts[pair] ?? 0
        const rule = whyNot(of, outcome)
        if (times > 0) row[outcome] = times
        if (times > 0 && rule && !rule.isSeldom) impossible.push({ pair, times, because: rule.because })
        if (times === 0 && !rule) missing.push(pair)
        if (kind === 'state') outcomes[outcome] = (outcomes[outcome] ?? 0) + times
      }
      made[of] = row
    }
    return made
  }

  const states = rows('state', Object.keys(STATES) as State[], whyNotInState)
  const faults = rows('fault', FAULTS, whyNotByFault)
  const others = Object.entries(counts)
    .filter(([name]) => !/^(state|fault) .* × /.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const tries = Object.values(outcomes).reduce((total, times) => total + times, 0)
  return { tries, outcomes, states, faults, missing, impossible, others: Object.fromEntries(others) }
}
