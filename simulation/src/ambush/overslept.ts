import { freeze } from '../fleet/strikes.js'
import { type Ambush, callSoon, someOther } from './ambush.js'

/** A machine sleeps from the moment it has the lease; its question for the lease arrives once more before it wakes. */
export function overslept(): Ambush {
  return {
    fate(world, owner, step, request) {
      const { chance, plan, time } = world
      const { process } = owner
      if (step !== 'acquire' || process.machine.frozen || !chance.happens(0.25)) return undefined
      const { grantId } = request as { grantId: string }
      const [thereMs, backMs] = [plan.storeLatencyMs, plan.storeLatencyMs]
      const sleepsMs = chance.spread(4_000, 90_000)
      time.after(thereMs + backMs + 0.01, 'strike', () =>
        freeze(world, process, chance.pick(['paused', 'paused', 'suspended']), sleepsMs, 'with the lease'),
      )
      const other = someOther(world, owner)
      for (let calls = 0; calls < 3; calls++) callSoon(world, other, grantId, sleepsMs)
      return { kind: 'duplicate', thereMs, backMs, lateMs: sleepsMs - chance.between(0, 3_000) }
    },
  }
}
