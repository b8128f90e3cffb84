import { scheduleBursts } from '../actors/bursts.js'
import { closeAll } from '../actors/closing.js'
import { insistOnAll } from '../actors/insistence.js'
import { authorize } from '../actors/user.js'
import type { Core } from '../core.js'
import { createHost } from '../fleet/host.js'
import { BrokenPromise, type Violation } from '../oracle/broken-promise.js'
import { judgeEnd } from '../oracle/judge-end.js'
import { judgeIdleness } from '../oracle/judge-idleness.js'
import { judgeRead } from '../oracle/judge-replies.js'
import { judgeSpread } from '../oracle/judge-spread.js'
import type { Loss } from '../oracle/ledger.js'
import { planWorld, type WorldPlan } from './plan-world.js'
import type { Tally } from './tally.js'
import { createWorld, type World } from './world.js'

export interface SeedResult {
  readonly seed: number
  readonly plan: WorldPlan
  readonly violation: Violation | undefined
  /** Of everything that happened. */
  readonly hash: number
  readonly steps: number
  readonly tally: Tally
  readonly losses: readonly Loss[]
  readonly trace: readonly string[]
}

/** More is a loop that time does not end. */
const MOST_STEPS = 150_000

/** Plays one seed from the first authorization to the last close, and judges every step. */
export async function playSeed(
  core: Core,
  seed: number,
  options: { readonly trace?: boolean } = {},
): Promise<SeedResult> {
  const plan = planWorld(seed)
  const trace: string[] = []
  const world = createWorld(core, plan, options.trace ? trace : undefined)
  let violation: Violation | undefined
  const onUnhandled = (reason: unknown): void =>
    world.verdicts.bench.violated(
      'process',
      `a promise was rejected and nobody heard of it: ${String(reason)}`,
    )
  process.on('unhandledRejection', onUnhandled)
  try {
    await play(world)
  } catch (error) {
    if (!(error instanceof BrokenPromise)) throw error
    violation = error.violation
  } finally {
    process.off('unhandledRejection', onUnhandled)
  }
  const { hash, steps } = world.time
  world.tally.steps = steps
  return {
    seed,
    plan,
    violation,
    hash,
    steps,
    tally: world.tally,
    losses: world.verdicts.bench.ledger.losses,
    trace,
  }
}

async function play(world: World): Promise<void> {
  const { plan, time, conditions } = world
  for (const [index, machine] of world.machines.entries()) {
    for (let i = 0; i < plan.processesPerMachine; i++) {
      world.hosts.push(createHost(world, machine, `p${index + 1}${'abc'[i]}`))
    }
  }
  await authorizeAll(world)
  judgeSpread(world)

  conditions.calm = false
  world.tell(() => `faults begin (${plan.faults.level})`)
  scheduleBursts(world)
  const endsAtMs = time.nowMs + plan.durationMs
  time.at(endsAtMs, 'end of faults', () => {})
  await run(world, () => time.nowMs >= endsAtMs)

  heal(world)
  // What was under way when the faults ended still arrives: the latest requests, stalls and duplicates.
  await rest(world, 130_000)
  await insistOnAll(world, run)
  lookAtForgotten(world)
  await rest(world, 30_000)
  judgeEnd(world)
  world.verdicts.check()
  if (plan.keepAlive) await judgeIdleness(world, run)
  await closeAll(world, run)
  world.verdicts.check()
}

/** What a store forgot comes back when somebody looks who has it: in its memory, or on its machine's disk. */
function lookAtForgotten({ hosts, grants, verdicts }: World): void {
  for (const { provider, grantId } of grants) {
    if (verdicts.bench.remembers(grantId)) continue
    for (const { current } of hosts) {
      current.process.post(0, 'status', () => {
        current.managers
          .get(provider.plan.id)
          ?.status(grantId)
          .catch(() => {})
      })
    }
  }
}

async function rest(world: World, forMs: number): Promise<void> {
  const { time } = world
  const endsAtMs = time.nowMs + forMs
  time.at(endsAtMs, 'rest', () => {})
  await run(world, () => time.nowMs >= endsAtMs)
}

/** Runs until `isOver`; every promise is checked after every step. */
async function run(world: World, isOver: () => boolean): Promise<void> {
  const { time, verdicts } = world
  await time.run(isOver, () => {
    world.tries.endOfStep()
    for (const { current } of world.hosts) {
      if (current.reads.length === 0) continue
      for (const request of current.reads.splice(0)) judgeRead(verdicts.bench, request)
    }
    if (time.steps > MOST_STEPS) verdicts.bench.violated('process', `no end after ${MOST_STEPS} steps`)
    verdicts.check()
  })
}

export type Run = typeof run

async function authorizeAll(world: World): Promise<void> {
  const { chance, grants, hosts } = world
  let left = grants.length
  for (const { provider, grantId } of grants) {
    const host = chance.pick(hosts as [(typeof hosts)[0], ...typeof hosts])
    host.current.process.post(chance.between(0, 50), 'first authorization', () => {
      void authorize(
        world,
        host.current,
        provider,
        grantId,
        provider.plan.budget ? 'reply' : chance.pick(['code', 'reply']),
      ).then(() => {
        left -= 1
      })
    })
  }
  await run(world, () => left === 0)
}

/** Faults end: what stood still goes on, what died is there again, and everything can be reached. */
function heal(world: World): void {
  const { conditions, hosts, machines, time } = world
  world.tell(() => 'faults end')
  conditions.calm = true
  conditions.storeDown = false
  conditions.cutOff.clear()
  conditions.providersDown.clear()
  conditions.apisRefusing.clear()
  for (const { server } of world.verdicts.bench.providers.values()) server.rejectClientUntil(time.nowMs)
  for (const machine of machines) machine.thaw()
  for (const host of hosts) {
    host.current.process.thaw()
    host.revive()
  }
}
