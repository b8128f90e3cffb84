import { createHash } from 'node:crypto'

/** Draws that depend on their seed alone. */
export interface SeededChance {
  /** In [0, 1). */
  float(): number
  between(from: number, to: number): number
  /** A whole number in [0, below). */
  index(below: number): number
  happens(probability: number): boolean
  pick<T>(from: readonly [T, ...T[]]): T
}

/** Mulberry32 on a hash of the seed: equal seeds draw equal numbers on every machine. */
export function seededChance(seed: string): SeededChance {
  let state = createHash('sha256').update(`chaos:${seed}`).digest().readUInt32LE(0)

  function float(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  const index = (below: number): number => Math.floor(float() * below)
  return {
    float,
    between: (from, to) => from + (to - from) * float(),
    index,
    happens: (probability) => float() < probability,
    pick: (from) => from[index(from.length)] ?? from[0],
  }
}
