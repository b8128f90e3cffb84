import type { Durations } from './durations.js'
import type { FilledStore } from './filled-store.js'
import { TIMED_STEPS, type TimedStep, timeSteps } from './time-steps.js'

/** How much a median may grow from a thousand grants to a million; no step needs more. */
const MOST_GROWTH = 3

/** One step on two stores that differ only in how much they hold. */
export interface ComparedStep {
  readonly step: TimedStep
  readonly few: Durations
  readonly many: Durations
  /** Of the medians. */
  readonly ratio: number
}

export async function compareSteps(few: FilledStore, many: FilledStore): Promise<readonly ComparedStep[]> {
  const [small, large] = await timeSteps(few, many)
  return TIMED_STEPS.map((step) => ({
    step,
    few: small[step],
    many: large[step],
    ratio: Number((large[step].medianMs / small[step].medianMs).toFixed(2)),
  }))
}

/** What is wrong with it, if anything. */
export const growthOf = ({ step, ratio }: ComparedStep): string | undefined =>
  ratio <= MOST_GROWTH ? undefined : `the median of ${step} grew ${ratio} ×`

export function showSteps(
  steps: readonly ComparedStep[],
  few: FilledStore,
  many: FilledStore,
  show: (line: string) => void,
): void {
  const row = (step: string, values: readonly string[]): void =>
    show(step.padEnd(22) + values.map((value) => value.padStart(17)).join(''))
  show('')
  row('ms', [`${few.grants}: median`, 'p99', `${many.grants}: median`, 'p99', 'ratio'])
  for (const { step, few: a, many: b, ratio } of steps) {
    row(step, [...[a.medianMs, a.p99Ms, b.medianMs, b.p99Ms].map(String), `${ratio} ×`])
  }
}
