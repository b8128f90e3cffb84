import { keyring, memoryStore, sealed } from '@evergrant/core'
import { storeContract } from '@evergrant/testing'
import { describe, it } from 'vitest'

/** On SQLite, Redis and PostgreSQL: in the tests of these stores. */
describe('sealed(memory) keeps the contract', () => {
  const rings = {
    'with the one key': () => keyring({ current: 'k1', keys: [{ kid: 'k1', key: 'ab'.repeat(32) }] }),
    'where two processes seal with different keys': (current: string) =>
      keyring({
        current,
        keys: [
          { kid: 'k1', key: 'ab'.repeat(32) },
          { kid: 'k2', key: async () => 'cd'.repeat(32) },
        ],
      }),
  }
  for (const [name, ring] of Object.entries(rings)) {
    const cases = storeContract({
      async open() {
        let nowMs = 1_800_000_000_000
        const inner = memoryStore({ now: () => nowMs })
        return {
          store: sealed(inner, ring('k1')),
          openSecond: async () => sealed(inner, ring('k2')),
          advance: (ms: number) => {
            nowMs += ms
          },
          close: async () => {},
        }
      },
    })
    describe(name, () => {
      for (const { name: what, run } of cases) it(what, run)
    })
  }
})
