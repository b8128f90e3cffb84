import type { Chance } from '../chance.js'

/** First and longest delay between tries, by what went wrong. Milliseconds. */
const DELAYS = {
  store: { firstMs: 100, longestMs: 1_000 },
  notSent: { firstMs: 250, longestMs: 30_000 },
  unknown: { firstMs: 500, longestMs: 10_000 },
  limited: { firstMs: 5_000, longestMs: 60_000 },
  trouble: { firstMs: 5_000, longestMs: 300_000 },
  client: { firstMs: 5_000, longestMs: 300_000 },
} as const

export type BackoffKind = keyof typeof DELAYS

/**
 * How long to wait before try number `failures` + 1: doubling, with the upper half drawn by chance so that
 * processes that failed together do not come back together.
 */
export function backoffMs(kind: BackoffKind, failures: number, chance: Pick<Chance, 'float'>): number {
  const { firstMs, longestMs } = DELAYS[kind]
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(Math.max(failures - 1, 0), 20))
  return full * (0.5 + 0.5 * chance.float())
}
