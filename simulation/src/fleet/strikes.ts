import type { World } from '../run/world.js'
import type { FreezeShape } from './machine.js'
import type { SimProcess } from './sim-process.js'

/** Where a strike does most: just before what must not be interrupted, and just after. */
const WEIGHTS: readonly (readonly [RegExp, number])[] = [
  [/^store arm answers$/, 5],
  [/^store acquire answers$/, 1.5],
  [/^store takeBudget answers$/, 2],
  [/^store commit answers$/, 3],
  [/^local save answers$/, 4],
  [/^connection stands$/, 3],
  [/reply$/, 6],
  [/^timer$/, 0.1],
]
const ORDINARY = 0.4

const weights = new Map<string, number>()
function weightOf(label: string): number {
  let weight = weights.get(label)
  if (weight === undefined) {
    weight = WEIGHTS.find(([pattern]) => pattern.test(label))?.[1] ?? ORDINARY
    weights.set(label, weight)
  }
  return weight
}

const SHAPES: readonly [FreezeShape, ...FreezeShape[]] = ['stopped', 'suspended', 'paused']

/** Clocks are set far less often than bursts of calls come. */
const CLOCK_PART = 0.01

/** At each delivery to a process: it may die there, or stand still, before or just after it. */
export function strike(world: World, process: SimProcess, label: string): void {
  const { plan, chance, conditions } = world
  if (conditions.calm) return
  const weight = weightOf(label)
  if (chance.happens(plan.faults.crash * weight)) {
    if (chance.happens(0.5)) crash(world, process, `before ${label}`)
    else world.time.after(0.01, 'strike', () => crash(world, process, `after ${label}`))
  } else if (chance.happens(plan.faults.freeze * weight)) {
    const shape = chance.pick(SHAPES)
    const forMs = chance.spread(100, chance.happens(0.2) ? 3_600_000 : 60_000)
    if (chance.happens(0.5)) freeze(world, process, shape, forMs, `before ${label}`)
    else world.time.after(0.01, 'strike', () => freeze(world, process, shape, forMs, `after ${label}`))
  } else if (chance.happens(plan.faults.clockJump * CLOCK_PART * weight))
    setClock(world, process, `before ${label}`)
}

/** Somebody sets the clock at the worst moment. */
function setClock(world: World, { machine }: SimProcess, when: string): void {
  const { chance, hosts } = world
  const byMs = chance.spread(1_000, 86_400_000) * (chance.happens(0.5) ? 1 : -1)
  world.tell(() => `${machine.name}'s wall clock jumps by ${Math.round(byMs)} ms ${when}`)
  for (const { process } of hosts.map(({ current }) => current))
    if (process.machine === machine && process.pending > 0) world.fault('clock jump', { process })
  machine.jump(byMs)
}

export function crash(world: World, process: SimProcess, when: string): void {
  if (process.state === 'dead' || world.conditions.calm) return
  if (process.pending > 0) world.fault('crash', { process })
  world.tell(() => `${process.name} dies ${when}`)
  process.crash()
  world.tries.died(process)
}

/** A sleeping machine holds all its processes. */
export function freeze(
  world: World,
  process: SimProcess,
  shape: FreezeShape,
  forMs: number,
  when: string,
): void {
  const { machine } = process
  if (process.state !== 'running' || machine.frozen || world.conditions.calm) return
  const all = world.hosts.map(({ current }) => current.process).filter((each) => each.machine === machine)
  const struck = shape === 'stopped' ? [process] : all.filter((each) => each.state === 'running')
  world.tell(
    () => `${struck.map(({ name }) => name).join(', ')} ${shape} for ${Math.round(forMs)} ms ${when}`,
  )
  if (shape !== 'stopped') machine.freeze(shape)
  for (const each of struck) each.freeze()
  world.time.after(forMs, 'thaw', () => thaw(world, struck, shape))
}

function thaw(world: World, struck: readonly SimProcess[], shape: FreezeShape): void {
  const [first] = struck
  if (!first) return
  if (shape !== 'stopped') first.machine.thaw()
  else if (first.machine.frozen) {
    // Its whole machine fell asleep meanwhile.
    world.time.after(1_000, 'thaw', () => thaw(world, struck, shape))
    return
  }
  world.tell(() => `${struck.map(({ name }) => name).join(', ')} goes on`)
  for (const process of struck) if (process.thaw() > 0) world.fault(`frozen, ${shape}`, { process })
}
