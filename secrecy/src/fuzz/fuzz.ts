import fc from 'fast-check'
import type { Target } from './target.js'

export interface Fuzzed {
  readonly target: string
  readonly cases: number
  readonly ms: number
  /** What did not hold, with the shrunk case and the path that replays it; `undefined`: all held. */
  readonly find: string | undefined
}

export async function fuzz(target: Target, cases: number, seed: number): Promise<Fuzzed> {
  const began = performance.now()
  const details = await fc.check(target.property, { numRuns: cases, seed })
  const { failed, counterexample, counterexamplePath, errorInstance, numRuns } = details
  const shown = fc.stringify(counterexample)
  const find = failed
    ? `${String(errorInstance)} with ${shown} (seed ${seed}, path ${counterexamplePath})`
    : undefined
  return { target: target.name, cases: numRuns, ms: Math.round(performance.now() - began), find }
}
