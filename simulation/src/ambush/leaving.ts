import { deploy } from '../actors/deployment.js'
import type { FleetProcess } from '../fleet/fleet-process.js'
import type { Ambush } from './ambush.js'

/** Who has a successor in hand is told to end, and cannot reach the store until it gives up. */
export function leaving(): Ambush {
  const kept = new Set<FleetProcess>()

  return {
    fate(world, owner, step) {
      const { chance, conditions, time, tell } = world
      const host = world.hosts.find(({ current }) => current === owner)
      if (step !== 'commit' || !host || kept.has(owner) || conditions.calm || !chance.happens(0.3))
        return undefined
      kept.add(owner)
      conditions.cutOff.add(owner.process)
      tell(() => `${owner.process.name} is cut off from the store with a successor, and shall end`)
      time.after(chance.between(0, 1_500), 'roll-out', () => deploy(world, host))
      return undefined
    },
  }
}
