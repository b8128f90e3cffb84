import { failOver, MOST_LOST_MS } from '../actors/failover.js'
import { authorize } from '../actors/user.js'
import { type Ambush, callSoon, ownerOf, providerOf, someNeighbour } from './ambush.js'

/** A user authorizes while a token is sent, the new authorization is used at once, and the store forgets it. */
export function forgotten(): Ambush {
  /** What an escrow brings back is not lost once more: of one failover it can make good, not of several at once. */
  const struck = new Set<string>()

  return {
    fate(world, owner, step, request) {
      const { chance } = world
      const { grantId = '' } = request as { grantId?: string }
      if (step !== 'arm' || struck.has(grantId) || !chance.happens(0.3)) return undefined
      const host = chance.happens(0.5) ? owner : someNeighbour(world, owner)
      host.process.post(chance.between(0, 500), 'user', () => {
        world.fault('authorized again during a rotation', { grantId })
        void authorize(world, host, providerOf(world, grantId), grantId, 'reply')
      })
      return undefined
    },
    carriedOut(world, process, { step, key, before, after }) {
      const { chance, time } = world
      const owner = ownerOf(world, process)
      const isReplaced = before && after && before.record.chain !== after.record.chain
      if (step !== 'save' || !key || !isReplaced || !owner || struck.has(key.grantId)) return
      struck.add(key.grantId)
      const savedAtMs = time.nowMs
      callSoon(world, owner, key.grantId, 200)
      time.after(chance.spread(20, MOST_LOST_MS - 1), 'store forgets', () => {
        if (!world.conditions.calm) failOver(world, time.nowMs - savedAtMs + 0.5)
      })
      callSoon(world, someNeighbour(world, owner), key.grantId, 2 * MOST_LOST_MS)
    },
  }
}
