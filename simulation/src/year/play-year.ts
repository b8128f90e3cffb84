import type { Core } from '../core.js'
import { createScheduler } from '../time/scheduler.js'
import { seededChance } from '../time/seeded-chance.js'
import { DAY, isIn, type YearPlan } from './plan-year.js'
import { scheduleCalls } from './year-callers.js'
import { startYearFleet } from './year-fleet.js'
import { createYearMeter, type YearMeter } from './year-meter.js'
import type { YearResults } from './year-results.js'
import { createYearServer } from './year-server.js'
import { createYearStore, grantIdOf } from './year-store.js'

const START_MS = 1_760_000_000_000

/** Imported tokens are up to this old, as shares of their life: what an application had in its own table before. */
const OLDEST_SHARE = 0.9

export interface Year {
  readonly meter: YearMeter
  readonly results: Omit<YearResults, 'saturation' | 'saturatesAtGrants' | 'yearMinutes' | 'tookMinutes'>
}

/** Plays the year from the import to the last close. */
export async function playYear(
  core: Core,
  plan: YearPlan,
  onProgress: (doing: string) => void,
  seed = 365,
): Promise<Year> {
  const chance = seededChance(seed)
  const time = createScheduler(START_MS, chance.fork())
  const sinceStart = (): number => time.nowMs - START_MS
  const meter = createYearMeter(START_MS, plan.lengthMs)
  const now = (): number => time.nowMs
  const store = createYearStore(core, {
    grants: plan.grants,
    now,
    isDown: () => isIn(plan.storeDown, sinceStart()),
  })
  const server = createYearServer({
    grants: plan.grants,
    lifeMs: plan.lifeMs,
    now,
    isDown: () => isIn(plan.providerDown, sinceStart()),
    chance: chance.fork(),
    secret: 'first',
    onRequest: (label) => meter.request(label, time.nowMs),
  })
  const fleet = startYearFleet(core, { plan, time, chance: chance.fork(), store, server, secret: 'first' })

  let importing = plan.processes
  const ages = chance.fork()
  async function importShare(first: number): Promise<void> {
    const { manager, process } = fleet.members[first] as (typeof fleet.members)[0]
    for (let index = first; index < plan.grants; index += plan.processes) {
      const ageMs = Math.floor(ages.float() * OLDEST_SHARE * plan.lifeMs)
      const reply = server.authorize(grantIdOf(index), ageMs)
      await manager.saveGrant(grantIdOf(index), reply, { receivedAtMs: process.clock.now() - ageMs })
    }
    importing -= 1
  }
  onProgress('import')
  for (let i = 0; i < plan.processes; i++) time.after(0, 'import', () => void importShare(i))
  await time.run(
    () => importing === 0,
    () => {},
  )
  const heapAfterImport = heapMb()

  for (const { manager } of fleet.members) manager.start({ sweepIntervalMs: plan.sweepIntervalMs })
  const endsAtMs = START_MS + plan.lengthMs
  scheduleCalls({
    plan,
    time,
    chance: chance.fork(),
    fleet,
    server,
    meter,
    startMs: START_MS,
    untilMs: endsAtMs,
  })
  time.at(START_MS + plan.secretChange.fromMs, 'secret changes', () => server.setSecret('second'))
  time.at(START_MS + plan.secretChange.toMs, 'deployment', () => void fleet.deploy('second'))
  for (let day = 1; day * DAY <= plan.lengthMs; day++)
    time.at(START_MS + day * DAY, 'day', () => onProgress(`day ${day}`))
  await time.run(
    () => time.nowMs >= endsAtMs,
    () => {},
  )
  const heapAtTheEnd = heapMb()

  let isClosed = false
  void fleet.close().then(() => {
    isClosed = true
  })
  await time.run(
    () => isClosed,
    () => {},
  )

  let lost = 0
  let leastLeftMs = Number.POSITIVE_INFINITY
  for (let index = 0; index < plan.grants; index++) {
    const grant = store.grant(index)
    const token = /"refresh_token":"([^"]+)"/.exec(grant?.record.secret ?? '')?.[1] ?? ''
    if (grant?.record.state !== 'live' || !server.accepts(token)) lost += 1
    else leastLeftMs = Math.min(leastLeftMs, (grant.record.expiresAtMs ?? 0) - time.nowMs)
  }
  const allowed = plan.budget.limit * (plan.lengthMs / plan.budget.windowMs)
  const {
    requests,
    rotations,
    refused,
    calls,
    failures,
    failedOutsideTrouble,
    mostInAnyWindow,
    longestWaitMs,
  } = meter
  return {
    meter,
    results: {
      grants: plan.grants,
      processes: plan.processes,
      rotations,
      requests,
      budgetUsedShare: requests / allowed,
      busiestMinuteShare: meter.busiestMinute / plan.budget.limit,
      mostInAnyWindow,
      calls,
      callsFailed: [...failures.values()].reduce((sum, each) => sum + each, 0),
      failedOutsideTrouble,
      failures: Object.fromEntries(failures),
      longestWaitMs: Math.round(longestWaitMs),
      grantsLost: lost,
      refused,
      leastLifeLeftDays: Math.floor(leastLeftMs / DAY),
      heapMb: { afterImport: heapAfterImport, atTheEnd: heapAtTheEnd },
      steps: time.steps,
      hash: time.hash,
    },
  }
}

/** Exactly only with `--expose-gc`, which the task passes. */
function heapMb(): number {
  globalThis.gc?.()
  return Math.round(process.memoryUsage().heapUsed / 2 ** 20)
}
