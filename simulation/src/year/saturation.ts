import type { Core } from '../core.js'
import { createScheduler } from '../time/scheduler.js'
import { seededChance } from '../time/seeded-chance.js'
import { HOUR, type YearPlan } from './plan-year.js'
import { startYearFleet } from './year-fleet.js'
import type { SaturationPoint } from './year-results.js'
import { createYearServer } from './year-server.js'
import { createYearStore, grantIdOf } from './year-store.js'

/** Tokens of this life instead of a year: renewals come 8,760 times as often, so fewer grants fill the same budget. */
const LIFE_MS = HOUR
const LIVES = 3
const NEVER = { name: '', fromMs: -1, toMs: -1 }

/** Whether the budget really keeps so many grants alive as `planRenewals` says, and no more. */
export async function findSaturation(
  core: Core,
  plan: YearPlan,
  shareOfMost: number,
): Promise<SaturationPoint> {
  const { mostGrants } = core.planRenewals({ grants: 0, lifetimeMs: LIFE_MS, budget: plan.budget })
  const grants = Math.round(mostGrants * shareOfMost)
  const scaled: YearPlan = {
    ...plan,
    grants,
    processes: 10,
    lifeMs: LIFE_MS,
    lengthMs: LIFE_MS * LIVES,
    providerDown: NEVER,
    storeDown: NEVER,
    secretChange: NEVER,
    sweepIntervalMs: 5_000,
  }
  const chance = seededChance(24)
  const time = createScheduler(1_760_000_000_000, chance.fork())
  const now = (): number => time.nowMs
  const store = createYearStore(core, { grants, now, isDown: () => false })
  const server = createYearServer({
    grants,
    lifeMs: LIFE_MS,
    now,
    isDown: () => false,
    chance: chance.fork(),
    secret: 'first',
    onRequest() {},
  })
  const fleet = startYearFleet(core, {
    plan: scaled,
    time,
    chance: chance.fork(),
    store,
    server,
    secret: 'first',
  })
  let left = grants
  const begin = fleet.members[0]
  for (let index = 0; index < grants; index++) {
    // Spread over a whole life, so that renewals come evenly from the beginning.
    const ageMs = chance.float() * LIFE_MS * 0.6
    const reply = server.authorize(grantIdOf(index), ageMs)
    const save = begin?.manager.saveGrant(grantIdOf(index), reply, { receivedAtMs: now() - ageMs })
    void save?.then(() => {
      left -= 1
    })
  }
  await time.run(
    () => left === 0,
    () => {},
  )
  for (const { manager } of fleet.members) manager.start({ sweepIntervalMs: scaled.sweepIntervalMs })
  const endsAtMs = now() + scaled.lengthMs
  time.at(endsAtMs, 'end', () => {})
  await time.run(
    () => now() >= endsAtMs,
    () => {},
  )
  let lapsed = 0
  for (let index = 0; index < grants; index++) {
    const record = store.grant(index)?.record
    if (record?.state !== 'live' || (record.expiresAtMs ?? 0) <= now()) lapsed += 1
  }
  return { shareOfMost, grants, lapsed }
}
