import { adapters } from './adapters.js'
import type { FirstSetBench } from './command-line.js'
import { fleet } from './fleet.js'
import { freshPath } from './fresh-path.js'
import { herd } from './herd.js'
import type { Measured } from './measured.js'

const BENCHES: Readonly<Record<FirstSetBench, (show: (line: string) => void) => Promise<Measured>>> = {
  'fresh-path': freshPath,
  adapters,
  herd,
  fleet,
}

/** One after the other: they must not disturb each other. */
export async function firstSet(
  benches: readonly FirstSetBench[],
  show: (line: string) => void,
): Promise<Measured> {
  const details: Record<string, unknown> = {}
  const ratios: Record<string, number | undefined> = {}
  const problems: string[] = []
  for (const bench of benches) {
    show(`\n${bench}`)
    const measured = await BENCHES[bench](show)
    Object.assign(ratios, measured.ratios)
    details[bench] = measured.results
    problems.push(...measured.problems)
  }
  return { ratios, results: { ...ratios, ...details }, problems }
}
