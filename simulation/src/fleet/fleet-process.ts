import type { EscrowedStore, TokenManager } from '@evergrant/core'
import { type SentRequest, simFetch } from '../network/sim-fetch.js'
import type { Call, KnownLink } from '../oracle/judge-hand-outs.js'
import { judgeSilence } from '../oracle/judge-hand-outs.js'
import type { World } from '../run/world.js'
import { storeClient } from '../store/store-client.js'
import { markClocks, type StoreAnchor } from './clock-mark.js'
import type { Machine } from './machine.js'
import { networkLine } from './network-lines.js'
import { createProcess, type SimProcess } from './sim-process.js'
import { localLine, remoteLine } from './store-lines.js'
import { strike } from './strikes.js'
import { witnessed } from './witness.js'

/** One process with the real core in it, and what the judges remember of it. */
export interface FleetProcess {
  readonly process: SimProcess
  readonly managers: ReadonlyMap<string, TokenManager>
  readonly escrow: EscrowedStore | undefined
  closing: boolean
  /** The last answer of the store that a manager's idea of the store's clock comes from, by provider. */
  readonly anchors: Map<string, StoreAnchor>
  localTroubleAtMs: number
  /** When it last asked the store for silence, by bucket. */
  readonly silencedAtMs: Map<string, number>
  readonly lookedAtMs: Map<string, number>
  /** The newest link of each grant that reached it. */
  readonly known: Map<string, KnownLink>
  /** Replies read in this step. */
  readonly reads: SentRequest[]
  readonly calls: Set<Call>
  /** The newest link of each grant that it handed out. */
  readonly handed: Map<string, { readonly chain: string; readonly generation: number }>
  /** Grants that a user authorizes or revokes here: it looks at them without taking them over. */
  readonly authorizing: Map<string, number>
}

export function startFleetProcess(world: World, name: string, machine: Machine): FleetProcess {
  const { core, plan, time, verdicts } = world
  const { bench } = verdicts
  const process = createProcess({
    name,
    machine,
    time,
    chance: world.chance.fork(),
    strike: (struck, label) => strike(world, struck, label),
    newId: world.newId,
    overlongTimer: () =>
      bench.violated('process', `${name} set a timer beyond what a timer can hold: it fires at once`),
  })
  const managers = new Map<string, TokenManager>()
  let escrow: EscrowedStore | undefined
  const owner: FleetProcess = {
    process,
    managers,
    get escrow() {
      return escrow
    },
    closing: false,
    anchors: new Map(plan.providers.map(({ id }) => [id, { ...markClocks(process, time), aheadMs: 0 }])),
    localTroubleAtMs: Number.NEGATIVE_INFINITY,
    silencedAtMs: new Map(),
    lookedAtMs: new Map(),
    known: new Map(),
    reads: [],
    calls: new Set(),
    handed: new Map(),
    authorizing: new Map(),
  }
  const remote = storeClient(core, process, remoteLine(world, owner), time)
  const local = world.localStores.get(machine.name)
  if (local)
    escrow = core.escrowed(remote, storeClient(core, process, localLine(world, owner, local), time), {
      clock: process.clock,
    })
  const store = witnessed(world, owner, escrow ?? remote)
  const fetch = simFetch(process, networkLine(world, owner), time)
  for (const provider of plan.providers) {
    const facts = world.facts.get(provider.id)
    if (!facts) continue
    const manager = core.createTokenManager({
      provider: facts,
      store,
      fetch,
      clock: process.clock,
      chance: process.chance,
      closeTimeoutMs: plan.closeTimeoutMs,
      ...(plan.smallCache && { maxCachedGrants: 2 }),
      onEvent(event) {
        world.tell(() => `${name} ${event.type} ${describe(event)}`)
        time.note(event.type)
        bench.reached(`event ${event.type}`)
        world.tries.told(process, event)
        judgeSilence(bench, `event ${event.type}`, event)
        if ('code' in event && event.code === 'UNEXPECTED')
          bench.violated('process', `something in ${name} threw: ${event.reason}`, event.grantId)
      },
    })
    managers.set(provider.id, manager)
    // A small part of a token's life, as KeepAliveOptions demands.
    if (plan.keepAlive) manager.start({ sweepIntervalMs: Math.max(1_000, provider.accessLifeMs / 40) })
  }
  world.tell(() => `${name} starts on ${machine.name}`)
  return owner
}

function describe(event: object): string {
  const { grantId, generation, code, reason } = event as Record<string, unknown>
  return [grantId, generation, code, reason].filter((each) => each !== undefined).join(' ')
}
