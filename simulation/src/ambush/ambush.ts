import { call } from '../actors/caller.js'
import type { FleetProcess } from '../fleet/fleet-process.js'
import type { SimProcess } from '../fleet/sim-process.js'
import type { JudgedProvider } from '../oracle/oracle.js'
import type { Aim } from '../run/aims.js'
import type { World } from '../run/world.js'
import type { StoreStep, StoreWrite } from '../store/sim-store.js'
import type { StoreFate } from '../store/store-client.js'
import { forgotten } from './forgotten.js'
import { leaving } from './leaving.js'
import { newcomer } from './newcomer.js'
import { overslept } from './overslept.js'
import { overtaken } from './overtaken.js'
import { twoChains } from './two-chains.js'

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
    case 'forgotten':
      return forgotten()
    case 'two-chains':
      return twoChains()
    case 'leaving':
      return leaving()
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

/** Another process of the same machine, which shares its disk. */
export function someNeighbour(world: World, owner: FleetProcess): FleetProcess {
  const { machine } = owner.process
  const others = world.hosts
    .map(({ current }) => current)
    .filter((each) => each !== owner && each.process.machine === machine)
  return world.chance.pick([others[0] ?? owner, ...others.slice(1)])
}

export function ownerOf({ hosts }: World, process: SimProcess): FleetProcess | undefined {
  return hosts.map(({ current }) => current).find((each) => each.process === process)
}

/** Somebody there does not want the access token that it has. */
export function callSoon(world: World, owner: FleetProcess, grantId: string, withinMs: number): void {
  const wish = { timeoutMs: 30_000, usesIt: false, forceRefresh: true }
  owner.process.post(world.chance.between(0, withinMs), 'call', () =>
    call(world, owner, providerOf(world, grantId), grantId, wish),
  )
}
