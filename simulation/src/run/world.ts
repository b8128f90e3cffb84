import type { ProviderFacts } from '@evergrant/core'
import { type Ambush, createAmbush } from '../ambush/ambush.js'
import type { Core } from '../core.js'
import { type Conditions, createConditions } from '../fleet/conditions.js'
import type { Host } from '../fleet/host.js'
import { createMachine, type Machine } from '../fleet/machine.js'
import { effectiveTimings } from '../oracle/effective-timings.js'
import { createVerdicts, type JudgedProvider, type Verdicts } from '../oracle/oracle.js'
import type { Fault } from '../reached/faults.js'
import { stateOf } from '../reached/states.js'
import { createTries, type Struck, type Tries } from '../reached/tries.js'
import { createAuthorizationServer } from '../server/authorization-server.js'
import { providerFacts } from '../server/provider-facts.js'
import { createSimStore, type SimStore } from '../store/sim-store.js'
import { createScheduler, type Scheduler } from '../time/scheduler.js'
import { type SeededChance, seededChance } from '../time/seeded-chance.js'
import type { WorldPlan } from './plan-world.js'
import { count, createTally, type Tally } from './tally.js'

/** Everything there is while one seed is played. */
export interface World {
  readonly core: Core
  readonly plan: WorldPlan
  readonly time: Scheduler
  readonly chance: SeededChance
  readonly tally: Tally
  readonly tries: Tries
  readonly verdicts: Verdicts
  readonly conditions: Conditions
  /** In a world with an aim. */
  readonly ambush: Ambush | undefined
  readonly store: SimStore
  readonly machines: readonly Machine[]
  /** One local store for each machine, where the fleet has an escrow. */
  readonly localStores: ReadonlyMap<string, SimStore>
  readonly facts: ReadonlyMap<string, ProviderFacts>
  readonly hosts: Host[]
  /** Grants and the provider each belongs to. */
  readonly grants: readonly { readonly provider: JudgedProvider; readonly grantId: string }[]
  newId(): string
  tell(line: () => string): void
  /** A fault hit something that was pending, and changed what came of it. */
  fault(kind: Fault, whom?: Struck): void
}

const START_MS = 1_760_000_000_000

export function createWorld(core: Core, plan: WorldPlan, trace: string[] | undefined): World {
  const chance = seededChance(plan.seed ^ 0x2545f491)
  const time = createScheduler(START_MS, chance.fork())
  const tally = createTally()
  const now = (): number => time.nowMs
  const tell = (line: () => string): void => {
    if (trace) trace.push(`${((time.nowMs - START_MS) / 1000).toFixed(3).padStart(12)}  ${line()}`)
  }
  const fault = (kind: Fault, whom: Struck = {}): void => {
    count(tally.faults, kind)
    tries.struck(kind, whom)
    time.note(kind)
    tell(() => `! ${kind}`)
  }
  const clockChance = chance.fork()
  const store = createSimStore(core, {
    name: 'store',
    now,
    offsetMs: clockChance.between(-30_000, 30_000),
    remembersMs: plan.forgets ? 5_000 : 0,
  })
  const machines = Array.from({ length: plan.machines }, (_, index) =>
    createMachine(
      `m${index + 1}`,
      now,
      clockChance.happens(0.3) ? clockChance.between(-3_600_000, 3_600_000) : clockChance.between(-200, 200),
    ),
  )
  const localStores = new Map(
    plan.hasEscrow
      ? machines.map(({ name }) => [
          name,
          createSimStore(core, { name: 'local', now, offsetMs: 0, remembersMs: 0 }),
        ])
      : [],
  )
  const facts = new Map(plan.providers.map((each) => [each.id, providerFacts(core, each)]))
  const providers = new Map(
    plan.providers.map((each): [string, JudgedProvider] => [
      each.id,
      {
        plan: each,
        server: createAuthorizationServer(each, chance.fork()),
        budgetKey: facts.get(each.id)?.budgetKey ?? '',
        timings: effectiveTimings(core.defaultTimings, each),
      },
    ]),
  )
  const reached = (what: string): void => count(tally.coverage, what)
  const tries = createTries({
    now,
    count: reached,
    stateOf: (request, write) =>
      stateOf(write ? write.before : store.get(request), request, {
        storeMs: store.nowMs(),
        trueMs: now(),
        book: providers.get(request.provider)?.server.book,
      }),
  })
  let ids = 0
  return {
    core,
    plan,
    time,
    chance,
    tally,
    tries,
    verdicts: createVerdicts({ time, store, providers, tell, reached }),
    conditions: createConditions(),
    ambush: createAmbush(plan.aim),
    store,
    machines,
    localStores,
    facts,
    hosts: [],
    grants: [...providers.values()].flatMap((provider) =>
      Array.from({ length: provider.plan.grants }, (_, index) => ({
        provider,
        grantId: `${provider.plan.id}-${index + 1}`,
      })),
    ),
    newId() {
      ids += 1
      return `i${ids}`
    },
    tell,
    fault,
  }
}
