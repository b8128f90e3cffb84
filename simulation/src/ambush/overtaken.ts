import { call } from '../actors/caller.js'
import type { FleetProcess } from '../fleet/fleet-process.js'
import type { World } from '../run/world.js'
import { type Ambush, providerOf, someOther } from './ambush.js'

/** After this no other process will send the token. */
const GIVE_UP_MS = 90_000

/** Who has a successor in hand cannot reach the store until another process is about to send the same token. */
export function overtaken(): Ambush {
  /** Who is kept from the store, by grant. */
  const kept = new Map<string, FleetProcess>()

  function letGo({ conditions, tell }: World, grantId: string): void {
    const owner = kept.get(grantId)
    if (!owner) return
    kept.delete(grantId)
    conditions.cutOff.delete(owner.process)
    tell(() => `${owner.process.name} reaches the store again`)
  }

  return {
    fate(world, owner, step, request) {
      const { chance, time, conditions, tell } = world
      const { grantId = '' } = request as { grantId?: string }
      const { process } = owner
      if (step !== 'commit' || kept.has(grantId) || conditions.cutOff.has(process)) return undefined
      if (!chance.happens(0.4)) return undefined
      kept.set(grantId, owner)
      conditions.cutOff.add(process)
      tell(() => `${process.name} is cut off from the store with a successor of ${grantId}`)
      time.after(GIVE_UP_MS, 'partition ends', () => kept.get(grantId) === owner && letGo(world, grantId))
      const other = someOther(world, owner)
      for (let calls = 0; calls < 6; calls++) {
        const wish = { timeoutMs: 60_000, usesIt: false, forceRefresh: true }
        other.process.post(chance.between(0, GIVE_UP_MS / 2), 'call', () =>
          call(world, other, providerOf(world, grantId), grantId, wish),
        )
      }
      return undefined
    },
    carriedOut(world, process, { step, request, answer }) {
      const { grantId = '' } = request as { grantId?: string }
      const isArmed = step === 'arm' && (answer as { status?: string }).status === 'armed'
      if (!isArmed || !kept.has(grantId) || kept.get(grantId)?.process === process) return
      const soonMs = world.chance.between(0, world.plan.networkLatencyMs)
      world.time.after(soonMs, 'partition ends', () => letGo(world, grantId))
    },
  }
}
