import type { Scheduler } from '../time/scheduler.js'
import type { SeededChance } from '../time/seeded-chance.js'
import { isInTrouble, type YearPlan } from './plan-year.js'
import type { YearFleet, YearMember } from './year-fleet.js'
import type { YearMeter } from './year-meter.js'
import type { YearServer } from './year-server.js'
import { grantIdOf } from './year-store.js'

/** Half of all calls are for these few; the other half for any of the million. */
const FAVOURITES = 2_000

/** Callers all year long: some force a refresh; all use their token at the API and report a 401, as adapters do. */
export function scheduleCalls(parts: {
  readonly plan: YearPlan
  readonly time: Scheduler
  readonly chance: SeededChance
  readonly fleet: YearFleet
  readonly server: YearServer
  readonly meter: YearMeter
  readonly startMs: number
  readonly untilMs: number
}): void {
  const { plan, time, chance, fleet, server, meter } = parts

  async function call({ manager }: YearMember, grantId: string): Promise<void> {
    const beganAtMs = time.nowMs
    const kind = chance.float()
    try {
      const token =
        kind < 0.97
          ? await manager.getAccessToken(grantId)
          : kind < 0.99
            ? await manager.getAccessToken(grantId, { forceRefresh: true })
            : await manager.getAccessToken(grantId, { minValidityMs: plan.lifeMs / 2 })
      // Another process has rotated it: the API says 401, and the next token is there.
      if (!server.isValid(token.reveal())) await manager.reportRejected(token)
      meter.call(time.nowMs - beganAtMs)
    } catch (error) {
      const inTrouble = [time.nowMs, beganAtMs].some((atMs) => isInTrouble(plan, atMs - parts.startMs))
      meter.callFailed((error as { code?: string }).code ?? 'unknown', inTrouble)
    }
  }

  function next(): void {
    if (time.nowMs >= parts.untilMs) return
    time.after(plan.callEveryMs * chance.between(0.5, 1.5), 'call', () => {
      const member = fleet.members[chance.index(fleet.members.length)]
      const among = chance.happens(0.5) ? Math.min(FAVOURITES, plan.grants) : plan.grants
      if (member) void call(member, grantIdOf(chance.index(among)))
      next()
    })
  }
  next()
}
