import { call } from '../actors/caller.js'
import { authorize } from '../actors/user.js'
import type { FleetProcess } from '../fleet/fleet-process.js'
import type { World } from '../run/world.js'
import { type Ambush, providerOf, someOther } from './ambush.js'

/**
 * A commit and its answer take longer than callers wait for a successor to be stored, and not so long that core gives
 * them up.
 */
const SLOW = { leastMs: 1_050, mostMs: 1_900 }

/** While a successor is slow on its way to the store, and its callers have it already, the user authorizes anew. */
export function newcomer(): Ambush {
  /** Whose next authorization is answered late, and for which grant. */
  const slowly = new Map<FleetProcess, string>()

  function come(world: World, owner: FleetProcess, grantId: string): void {
    const { chance } = world
    const provider = providerOf(world, grantId)
    const host = chance.happens(0.5) ? owner : someOther(world, owner)
    if (host === owner) slowly.set(owner, grantId)
    host.process.post(chance.between(0, 200), 'user', () => {
      world.fault('authorized again during a rotation', { grantId })
      void authorize(world, host, provider, grantId, 'reply')
    })
    for (let calls = 0; calls < 8; calls++) {
      const wish = { timeoutMs: 30_000, usesIt: false }
      owner.process.post(chance.between(500, 9_000), 'call', () =>
        call(world, owner, provider, grantId, wish),
      )
    }
  }

  return {
    fate(world, owner, step, request) {
      const { chance, plan } = world
      const { grantId } = request as { grantId?: string }
      if (grantId === undefined) return undefined
      if (step === 'commit' && chance.happens(0.3)) {
        come(world, owner, grantId)
        world.fault('store slow', { process: owner.process, grantId })
        const thereMs = chance.between(200, 1_000)
        return { kind: 'served', thereMs, backMs: chance.between(SLOW.leastMs, SLOW.mostMs) - thereMs }
      }
      if (step === 'save' && slowly.get(owner) === grantId) {
        slowly.delete(owner)
        world.fault('store slow', { process: owner.process, grantId })
        return { kind: 'served', thereMs: plan.storeLatencyMs, backMs: chance.between(800, 2_500) }
      }
      return undefined
    },
  }
}
