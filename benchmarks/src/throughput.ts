import { median } from './durations.js'

/** What is compared; each call is one request, answered and read. */
export type Contenders<N extends string> = Readonly<Record<N, () => Promise<unknown>>>

export interface Throughput<N extends string> {
  /** Requests a second, medians over the rounds. */
  readonly perSecond: Readonly<Record<N, number>>
  /** Requests a second of the one over those of the other: the median over rounds that ran beside each other. */
  ratio(of: N, to: N): { readonly median: number; readonly quartiles: readonly [number, number] }
}

const CONCURRENCY = 16

/**
 * Rounds of so many requests, each in an order by lot: what else the machine does hits all alike, and so does what a
 * contender leaves behind (garbage, and code made ready for itself) to the next. In turn, there and back, the first and
 * the last follow themselves.
 */
export async function measureThroughput<N extends string>(
  contenders: Contenders<N>,
  { rounds, requests }: { readonly rounds: number; readonly requests: number },
): Promise<Throughput<N>> {
  const names = Object.keys(contenders) as N[]
  const rates = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<N, number[]>
  for (let round = -2; round < rounds; round++) {
    for (const name of shuffled(names)) {
      const rate = await rateOf(contenders[name], requests)
      if (round >= 0) rates[name].push(rate)
    }
  }
  return {
    perSecond: Object.fromEntries(names.map((name) => [name, Math.round(median(rates[name]))])) as Record<
      N,
      number
    >,
    ratio(of, to) {
      const ratios = rates[of].map((rate, i) => rate / (rates[to][i] ?? Number.NaN)).sort((a, b) => a - b)
      const at = (share: number): number =>
        Number((ratios[Math.floor(ratios.length * share)] ?? 0).toFixed(3))
      return { median: at(0.5), quartiles: [at(0.25), at(0.75)] }
    },
  }
}

function shuffled<T>(all: readonly T[]): T[] {
  const left = [...all]
  return all.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0]!)
}

async function rateOf(call: () => Promise<unknown>, requests: number): Promise<number> {
  let left = requests
  async function worker(): Promise<void> {
    while (left > 0) {
      left -= 1
      await call()
    }
  }
  const beganMs = performance.now()
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  return (requests * 1_000) / (performance.now() - beganMs)
}
