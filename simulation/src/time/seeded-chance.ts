/** Draws that depend on their seed alone. */
export interface SeededChance {
  /** In [0, 1). */
  float(): number
  between(from: number, to: number): number
  /** Like `between`, each order of magnitude equally often. */
  spread(from: number, to: number): number
  /** A whole number in [0, below). */
  index(below: number): number
  happens(probability: number): boolean
  pick<T>(from: readonly [T, ...T[]]): T
  /** Draws of its own: what one part of the world draws does not shift what another draws. */
  fork(): SeededChance
}

/** Mulberry32 on a mixed seed: equal seeds draw equal numbers on every machine. */
export function seededChance(seed: number): SeededChance {
  let state = mixed(Math.imul(seed | 0, 0x9e3779b1) ^ 0x5bd1e995)

  function float(): number {
    state = (state + 0x6d2b79f5) | 0
    let each = Math.imul(state ^ (state >>> 15), 1 | state)
    each = (each + Math.imul(each ^ (each >>> 7), 61 | each)) ^ each
    return ((each ^ (each >>> 14)) >>> 0) / 4_294_967_296
  }

  const index = (below: number): number => Math.floor(float() * below)
  const between = (from: number, to: number): number => from + (to - from) * float()
  return {
    float,
    between,
    spread(from, to) {
      // Doublings instead of logarithms: multiplication rounds alike on every machine.
      const doublings: number[] = []
      for (let each = from; each < to; each *= 2) doublings.push(each)
      const low = doublings[index(doublings.length)] ?? from
      return Math.min(to, between(low, Math.min(low * 2, to)))
    },
    index,
    happens: (probability) => probability > 0 && float() < probability,
    pick: (from) => from[index(from.length)] ?? from[0],
    fork: () => seededChance(Math.floor(float() * 4_294_967_296)),
  }
}

/** Murmur's finish: neighbouring seeds must not draw alike. */
function mixed(value: number): number {
  let each = value ^ (value >>> 16)
  each = Math.imul(each, 0x85ebca6b)
  each = Math.imul(each ^ (each >>> 13), 0xc2b2ae35)
  return each ^ (each >>> 16)
}
