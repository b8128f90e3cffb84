import { expect, it } from 'vitest'
import { fuzz } from '../src/fuzz/fuzz.js'
import { targets } from '../src/fuzz/targets.js'

/** The long run is `npm run fuzz`; this one is the same each time. */
const SEED = 20_261_125
const CASES = 3_000

it.each(targets.map((target) => [target.name, target] as const))(
  `%s hold what they promise (seed ${SEED})`,
  async (_, target) => {
    const { find, cases } = await fuzz(target, CASES, SEED)
    expect(find).toBeUndefined()
    expect(cases).toBe(CASES)
  },
)
