import * as core from '@evergrant/core'
import { expect, it } from 'vitest'
import { planYear } from '../src/year/plan-year.js'
import { playYear } from '../src/year/play-year.js'
import { plotYear } from '../src/year/plot-year.js'

const play = (days: number, seed?: number) =>
  playYear(core, planYear({ grants: 300, processes: 3, days }), () => {}, seed)

it('a fleet of three keeps three hundred grants alive for a year with two days of outages and a new secret', async () => {
  const { meter, results } = await play(365)
  expect(results).toMatchObject({ grantsLost: 0, refused: 0, failedOutsideTrouble: 0 })
  expect(results.mostInAnyWindow).toBeLessThanOrEqual(300)
  // Each has been renewed at least once, though nobody may have asked for it.
  expect(results.rotations).toBeGreaterThanOrEqual(300)
  expect(results.failures).toHaveProperty('STORE_UNAVAILABLE')
  expect(results.leastLifeLeftDays).toBeGreaterThan(60)
  const svg = plotYear(planYear({ grants: 300, processes: 3, days: 365 }), meter)
  expect(svg).toMatch(/^<svg .*<\/svg>\n$/s)
})

it('one seed plays the same forty days twice, another seed others', async () => {
  const [first, second, other] = [await play(40, 7), await play(40, 7), await play(40, 8)]
  expect(second.results.hash).toBe(first.results.hash)
  expect(other.results.hash).not.toBe(first.results.hash)
})
