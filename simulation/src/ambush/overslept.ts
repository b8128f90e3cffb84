import type { SimProcess } from '../fleet/sim-process.js'
import { crash, freeze } from '../fleet/strikes.js'
import { type Ambush, callSoon, someOther } from './ambush.js'

/** Longer than whoever has armed keeps the lease. */
const ARMED_MS = 25_000

/**
 * A machine sleeps from the moment it has the lease; its question for the lease arrives once more before it wakes. Who
 * sends the token meanwhile may end with it.
 */
export function overslept(): Ambush {
  /** Who sleeps with the lease of a grant, and until when. */
  const asleep = new Map<string, { readonly process: SimProcess; readonly untilMs: number }>()

  return {
    fate(world, owner, step, request) {
      const { chance, plan, time } = world
      const { process } = owner
      const { grantId = '' } = request as { grantId?: string }
      const sleeper = asleep.get(grantId)
      if (step === 'arm' && sleeper && sleeper.process !== process) {
        const isLong = sleeper.untilMs - time.nowMs > ARMED_MS
        if (isLong && chance.happens(0.7))
          time.after(chance.between(1, 2_000), 'strike', () => crash(world, process, 'with the token sent'))
        return undefined
      }
      if (step !== 'acquire' || process.machine.frozen || !chance.happens(0.25)) return undefined
      const [thereMs, backMs] = [plan.storeLatencyMs, plan.storeLatencyMs]
      const sleepsMs = chance.happens(0.5) ? chance.spread(4_000, 90_000) : chance.between(45_000, 90_000)
      asleep.set(grantId, { process, untilMs: time.nowMs + sleepsMs })
      time.after(thereMs + backMs + 0.01, 'strike', () =>
        freeze(world, process, chance.pick(['paused', 'paused', 'suspended']), sleepsMs, 'with the lease'),
      )
      const other = someOther(world, owner)
      for (let calls = 0; calls < 3; calls++) callSoon(world, other, grantId, sleepsMs / 2)
      return { kind: 'duplicate', thereMs, backMs, lateMs: sleepsMs - chance.between(0, 3_000) }
    },
  }
}
