import { authorize } from '../actors/user.js'
import { crash } from '../fleet/strikes.js'
import { type Ambush, callSoon, providerOf, someNeighbour } from './ambush.js'

/**
 * A user authorizes while another process of the machine waits for a reply; who used the new authorization ends before
 * its successor has left the machine. Then the reply comes.
 */
export function twoChains(): Ambush {
  /** Chains that grants had before the user came. */
  const earlier = new Map<string, string>()

  return {
    fate(world, owner, step, request) {
      const { chance, time } = world
      const { grantId = '', chain = '' } = request as { grantId?: string; chain?: string }
      if (step === 'arm' && chance.happens(0.3)) {
        earlier.set(grantId, chain)
        const host = someNeighbour(world, owner)
        host.process.post(chance.between(0, 500), 'user', () => {
          world.fault('authorized again during a rotation', { grantId })
          void authorize(world, host, providerOf(world, grantId), grantId, 'reply').then(() =>
            callSoon(world, host, grantId, 50),
          )
        })
      }
      if (step !== 'commit' || !earlier.has(grantId) || earlier.get(grantId) === chain) return undefined
      earlier.delete(grantId)
      world.fault('store request lost', { process: owner.process, grantId })
      time.after(chance.between(1, 100), 'strike', () => crash(world, owner.process, 'with a successor'))
      return { kind: 'request-lost', failsMs: 1_000 }
    },
  }
}
