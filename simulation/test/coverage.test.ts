import { describe, expect, it } from 'vitest'
import { reportCoverage } from '../src/reached/report.js'

describe('coverage', () => {
  it('names every pair that was not reached and can be, and none that cannot', () => {
    const { missing, impossible, tries } = reportCoverage({})
    expect(missing).toContain('state untouched × rotated')
    expect(missing).toContain('fault reply cut × unknown')
    expect(missing).not.toContain('state ended × rotated')
    expect(missing).not.toContain('fault reply cut × rotated')
    expect([impossible, tries]).toEqual([[], 0])
  })

  it('says of a pair that was reached though impossible why it is that', () => {
    const { impossible } = reportCoverage({ 'state ended × rotated': 2, 'fault crash × unknown': 1 })
    expect(impossible).toEqual([
      {
        pair: 'state ended × rotated',
        times: 2,
        because: 'its server gives nothing for this token',
      },
      { pair: 'fault crash × unknown', times: 1, because: 'a dead process does nothing' },
    ])
  })

  it('counts what a try met and what befell it', () => {
    const counts = {
      'state untouched × rotated': 3,
      'state held × busy': 4,
      'fault store slow × rotated': 1,
      'call: token': 9,
    }
    const { tries, outcomes, states, faults, others } = reportCoverage(counts)
    expect(tries).toBe(7)
    expect([outcomes.rotated, outcomes.busy]).toEqual([3, 4])
    expect(states.untouched).toEqual({ rotated: 3 })
    expect(faults['store slow']).toEqual({ rotated: 1 })
    expect(others).toEqual({ 'call: token': 9 })
  })
})
