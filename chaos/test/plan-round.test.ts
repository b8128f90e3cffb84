import { expect, it } from 'vitest'
import { planRound } from '../src/plan-round.js'
import { countOverBudget } from '../src/provider-side.js'

const plans = Array.from({ length: 400 }, (_, i) => planRound('seed', 'redis', i + 1))
const strikes = plans.flatMap((plan) => plan.strikes)
const count = (kind: string): number => strikes.filter((strike) => strike.kind === kind).length

it('the same seed draws the same round, whatever was played before it', () => {
  expect(planRound('seed', 'redis', 17)).toEqual(plans[16])
  expect(planRound('other', 'redis', 17)).not.toEqual(plans[16])
})

it('400 rounds plan more than 300 kills, 100 freezes and 20 restarts', () => {
  expect(count('kill')).toBeGreaterThan(450)
  expect(count('freeze')).toBeGreaterThan(150)
  expect(count('restart')).toBeGreaterThan(22)
})

it('a calm round has no faults', () => {
  expect(planRound('seed', 'redis', 17, true)).toMatchObject({ strikes: [], faults: [], forced: false })
})

it('on SQLite nobody waits for an escrow that is not there', () => {
  const steps = Array.from({ length: 400 }, (_, i) => planRound('seed', 'sqlite', i + 1).strikes)
  expect(JSON.stringify(steps)).not.toContain('escrowed')
  expect(JSON.stringify(strikes)).toContain('escrowed')
})

it('a request is over budget when its window was full before it', () => {
  const budget = { limit: 3, windowMs: 100 }
  expect(countOverBudget([0, 1, 2, 100, 101], budget)).toBe(0)
  expect(countOverBudget([0, 1, 2, 99, 101], budget)).toBe(1)
})
