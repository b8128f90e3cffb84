import { OTHERS_WAIT_MS } from './conditions.js'
import type { History } from './history.js'
import type { JudgedLoss } from './judge-loss.js'
import { judgePresentations } from './judge-presentations.js'
import type { StoreKind } from './open-store.js'

/** What a run came to; printed as one line of JSON. */
export interface Results {
  readonly store: StoreKind
  readonly isSealed: boolean
  readonly seed: string
  readonly rounds: number
  readonly kills: number
  readonly freezes: number
  readonly storeRestarts: number
  readonly rotations: number
  readonly grantsLost: number
  /** Of these: see `UnavoidableCause`. */
  readonly unavoidableLosses: number
  /** Sends of a token whose earlier send had no known outcome. */
  readonly replays: number
  readonly doubleSpends: number
  readonly overBudget: number
  /** The longest time without a token after the last fault of a round. */
  readonly recoveryMs: number
  readonly recoveryMedianMs: number
  /** Workers that ended without having been killed. */
  readonly crashes: number
  readonly causes: Readonly<Record<string, number>>
  /** Why the last round did not come to its end, if it did not. */
  readonly brokenOff?: string
}

export interface Played {
  readonly store: StoreKind
  readonly isSealed: boolean
  readonly seed: string
  readonly rounds: number
  readonly brokenOff: string | undefined
  readonly history: History
  readonly storeRestarts: number
  readonly rotations: number
  readonly overBudget: number
  readonly losses: readonly JudgedLoss[]
  readonly crashes: number
  readonly recoveries: readonly number[]
}

export function resultsOf(played: Played): Results {
  const { history, losses, recoveries, store, isSealed, seed, rounds, storeRestarts } = played
  const judged = judgePresentations(history, OTHERS_WAIT_MS)
  const count = (kind: string): number => judged.filter((each) => each.kind === kind).length
  const causes: Record<string, number> = {}
  for (const { cause } of losses) causes[cause] = (causes[cause] ?? 0) + 1
  const sorted = [...recoveries].sort((a, b) => a - b)
  return {
    store,
    isSealed,
    seed,
    rounds,
    kills: history.kills.length,
    freezes: history.freezes.length,
    storeRestarts,
    rotations: played.rotations,
    grantsLost: losses.length,
    unavoidableLosses: losses.filter(({ avoidable }) => !avoidable).length,
    replays: count('replay'),
    doubleSpends: count('double-spend'),
    overBudget: played.overBudget,
    recoveryMs: Math.round(sorted.at(-1) ?? 0),
    recoveryMedianMs: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    crashes: played.crashes,
    causes,
    ...(played.brokenOff !== undefined && { brokenOff: played.brokenOff }),
  }
}

/** Which promises were broken, in words; none: all were kept. */
export function brokenPromises(results: Results): readonly string[] {
  const avoidable = results.grantsLost - results.unavoidableLosses
  return [
    ...(results.brokenOff === undefined ? [] : [`a round ${results.brokenOff}`]),
    ...(results.doubleSpends > 0 ? [`${results.doubleSpends} double spends`] : []),
    ...(avoidable > 0 ? [`${avoidable} avoidable losses`] : []),
    ...(results.overBudget > 0 ? [`${results.overBudget} requests over budget`] : []),
    ...(results.crashes > 0 ? [`${results.crashes} workers ended by themselves`] : []),
  ]
}
