import type { FleetProcess } from '../fleet/fleet-process.js'
import type { SimProcess } from '../fleet/sim-process.js'
import type { JudgedProvider } from '../oracle/oracle.js'
import type { Aim } from '../run/aims.js'
import type { World } from '../run/world.js'
import type { StoreStep, StoreWrite } from '../store/sim-store.js'
import type { StoreFate } from '../store/store-client.js'
import { newcomer } from './newcomer.js'
import { overslept } from './overslept.js'
import { overtaken } from './overtaken.js'

/** What lies in wait for messages to the store, in a world with an aim. */
export interface Ambush {
  /** What becomes of a message that leaves, if not what chance would have it. */
  fate(world: World, owner: FleetProcess, step: StoreStep, request: unknown): StoreFate | undefined
  /** The store carried a step out. */
  carriedOut?(world: World, process: SimProcess, write: StoreWrite): void
}

export function createAmbush(aim: Aim | undefined): Ambush | undefined {
  switch (aim) {
    case 'newcomer':
      return newcomer()
    case 'overtaken':
      return overtaken()
    case 'overslept':
      return overslept()
    case 'crowd':
    case undefined:
      return undefined
  }
}

export function providerOf(world: World, grantId: string): JudgedProvider {
  const provider = world.grants.find((each) => each.grantId === grantId)?.provider
  if (!provider) throw new Error(`there is no grant ${grantId}`)
  return provider
}

export function someOther(world: World, owner: FleetProcess): FleetProcess {
  const others = world.hosts.map(({ current }) => current).filter((each) => each !== owner)
  return world.chance.pick([others[0] ?? owner, ...others.slice(1)])
}
