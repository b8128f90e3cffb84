/** Where core gets randomness from, so that a seeded simulation can replay every decision. */
export interface Chance {
  /** Uniform in [0, 1): jitter only, never a secret. */
  readonly float: () => number
  /** A new id that nobody else has: chains, attempts, budget slots. */
  readonly id: () => string
}

/** The runtime's randomness; ids are version 4 UUIDs. */
export const systemChance: Chance = {
  float: () => Math.random(),
  id: () => crypto.randomUUID(),
}

/**
 * A number in [0, 1) that is always the same for one grant and evenly spread over many: FNV-1a, 32 bits,
 * finished by a multiplication so that ids with a common beginning spread too.
 */
export function stableFraction(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
