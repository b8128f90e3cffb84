/** How long the calls of one kind took, milliseconds. */
export interface Durations {
  readonly calls: number
  readonly medianMs: number
  readonly p99Ms: number
}

/** The value below which this share of them lies. */
function quantile(inOrder: readonly number[], share: number): number {
  const at = Math.min(inOrder.length - 1, Math.floor(inOrder.length * share))
  return inOrder[at] ?? Number.NaN
}

export const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  )

const rounded = (ms: number): number => Number(ms.toPrecision(3))

export function durationsOf(tookMs: readonly number[]): Durations {
  const inOrder = [...tookMs].sort((a, b) => a - b)
  return {
    calls: inOrder.length,
    medianMs: rounded(quantile(inOrder, 0.5)),
    p99Ms: rounded(quantile(inOrder, 0.99)),
  }
}
