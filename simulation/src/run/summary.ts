import type { SeedResult } from './play-seed.js'
import { count } from './tally.js'

/** What many seeds came to; adds up over processes. */
export interface Summary {
  seeds: number
  steps: number
  faults: Record<string, number>
  rotations: number
  calls: number
  violations: { seed: number; promise: string; what: string; grant: string | undefined }[]
  unavoidableLosses: Record<string, number>
  coverage: Record<string, number>
  /** Of each name in `coverage` the lowest seed that reached it. */
  reachedFirst: Record<string, number>
}

export function emptySummary(): Summary {
  return {
    seeds: 0,
    steps: 0,
    faults: {},
    rotations: 0,
    calls: 0,
    violations: [],
    unavoidableLosses: {},
    coverage: {},
    reachedFirst: {},
  }
}

/** Grants that no client could have saved; what was meant to end is not among them. */
const NOT_LOSSES: ReadonlySet<string> = new Set(['expired', 'revoked-by-user'])

export function addSeed(summary: Summary, result: SeedResult): void {
  const { tally, violation, losses, seed } = result
  summary.seeds += 1
  summary.steps += result.steps
  summary.rotations += tally.rotations
  summary.calls += tally.calls
  for (const [name, times] of tally.faults) add(summary.faults, name, times)
  for (const [name, times] of tally.coverage) {
    add(summary.coverage, name, times)
    keepLowest(summary.reachedFirst, name, seed)
  }
  // A revoked family and its dead mark are one loss.
  const lost = new Map(losses.map(({ grant, chain, cause }) => [`${grant} ${chain}`, cause]))
  const byCause = new Map<string, number>()
  for (const cause of lost.values()) if (!NOT_LOSSES.has(cause)) count(byCause, cause)
  for (const [cause, times] of byCause) add(summary.unavoidableLosses, cause, times)
  if (violation) summary.violations.push({ seed, ...violation })
}

export function addSummary(to: Summary, from: Summary): void {
  to.seeds += from.seeds
  to.steps += from.steps
  to.rotations += from.rotations
  to.calls += from.calls
  for (const part of ['faults', 'coverage', 'unavoidableLosses'] as const) {
    for (const [name, times] of Object.entries(from[part])) add(to[part], name, times)
  }
  for (const [name, seed] of Object.entries(from.reachedFirst)) keepLowest(to.reachedFirst, name, seed)
  to.violations.push(...from.violations)
}

export const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, each) => total + each, 0)

function add(counts: Record<string, number>, name: string, times: number): void {
  counts[name] = (counts[name] ?? 0) + times
}

function keepLowest(seeds: Record<string, number>, name: string, seed: number): void {
  seeds[name] = Math.min(seeds[name] ?? seed, seed)
}
