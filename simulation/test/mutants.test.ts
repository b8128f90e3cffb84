import { describe, expect, it } from 'vitest'
import { makeMutant } from '../src/mutants/make-mutant.js'
import { mutate } from '../src/mutants/mutate.js'
import { MUTATIONS } from '../src/mutants/mutations.js'
import { runSeeds } from '../src/run/run-seeds.js'

describe('the simulation sees', () => {
  // The rest by `npm run simulate:mutants`, which takes its time.
  it.each(['no arm', 'commit without compare'])('%s', { timeout: 120_000 }, async (name) => {
    const mutation = MUTATIONS.find((each) => each.name === name)
    if (!mutation) throw new Error(`there is no mutation '${name}'`)
    const { corePath, remove } = makeMutant(mutation)
    try {
      const summary = await runSeeds({ first: 1, seeds: 500, workers: 1, untilViolation: true, corePath })
      expect(summary.violations).not.toEqual([])
    } finally {
      remove()
    }
  })

  it('nothing that core no longer says: every mutation still finds its text', () => {
    for (const mutation of MUTATIONS) expect(() => mutate(mutation)).not.toThrow()
  })
})
