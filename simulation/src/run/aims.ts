import { SERVER_KINDS, type ServerKind } from '../server/server-kinds.js'
import { type SeededChance, seededChance } from '../time/seeded-chance.js'
import { drawFaults, quietFaults } from './fault-mix.js'
import type { ProviderPlan, WorldPlan } from './plan-world.js'

/**
 * What seldom comes together by chance, and so is brought together on purpose. `newcomer`: a user authorizes while a
 * successor is on its way to the store. `overtaken`: a successor arrives in the store after another process has sent
 * the same token. `overslept`: a machine sleeps while another one sends, and its old question arrives once more.
 * `crowd`: very many grants that nobody asks for are due at once. `forgotten`: a store loses an authorization that is in
 * use already. `two-chains`: two processes of a machine have successors in hand, each of another authorization.
 * `leaving`: a process that is told to end has a successor that the store does not take.
 */
export type Aim = 'newcomer' | 'overtaken' | 'overslept' | 'crowd' | 'forgotten' | 'two-chains' | 'leaving'

/** So few that the worlds of chance remain what counts. */
const SHARE = 0.06
const ESCROW_SHARE = 0.03
const LEAVING_SHARE = 0.01

/** Some worlds have an aim. Drawn apart, so that all others stay what they were. */
export function aimed(plan: WorldPlan): WorldPlan {
  const chance = seededChance(plan.seed ^ 0x452821e6)
  if (!chance.happens(SHARE)) {
    if (chance.happens(ESCROW_SHARE)) return escrowing(plan, chance)
    return chance.happens(LEAVING_SHARE) ? renewing(plan, chance) : plan
  }
  // A crowd takes its time.
  const aim = chance.happens(0.1) ? 'crowd' : chance.pick<Aim>(['newcomer', 'overtaken', 'overslept'])
  const [first] = plan.providers
  if (!first) return plan
  if (aim === 'crowd') return crowded(plan, first, chance)
  const hasEscrow = plan.hasEscrow && chance.happens(0.5)
  const faults = drawFaults(chance, { forgets: false, hasEscrow })
  const provider: ProviderPlan = {
    ...first,
    kind: aim === 'overtaken' ? kindNamed('omitting') : first.kind,
    budget: chance.happens(0.7) ? undefined : first.budget,
    grants: 1 + chance.index(2),
    // Timings are whole only for tokens that live a while.
    accessLifeMs: aim === 'newcomer' ? Math.max(first.accessLifeMs, 600_000) : first.accessLifeMs,
  }
  return {
    ...plan,
    aim,
    machines: 2 + chance.index(2),
    providers: [provider],
    hasEscrow,
    forgets: false,
    // A notice would tell at once what is to be found out late.
    hasNotices: chance.happens(0.3),
    smallCache: false,
    illness: 'anyone',
    faults,
  }
}

/** Several processes of few machines, which share their disks. */
function escrowing(plan: WorldPlan, chance: SeededChance): WorldPlan {
  const [first] = plan.providers
  if (!first) return plan
  const aim = chance.pick<Aim>(['forgotten', 'two-chains'])
  const { network, ...faults } = drawFaults(chance, { forgets: false, hasEscrow: true })
  const provider: ProviderPlan = {
    ...first,
    budget: chance.happens(0.7) ? undefined : first.budget,
    grants: 1 + chance.index(2),
  }
  return {
    ...plan,
    aim,
    machines: 1 + chance.index(2),
    processesPerMachine: 2 + chance.index(2),
    providers: [provider],
    hasEscrow: true,
    forgets: aim === 'forgotten',
    hasNotices: chance.happens(0.3),
    smallCache: false,
    illness: 'anyone',
    faults: { ...faults, network: { ...network, replyLate: 0.5 } },
  }
}

/** Grants that keep-alive renews, in processes that have little time to end. */
function renewing(plan: WorldPlan, chance: SeededChance): WorldPlan {
  const [first] = plan.providers
  if (!first) return plan
  const accessLifeMs = chance.pick([60_000, 180_000])
  return {
    ...plan,
    aim: 'leaving',
    providers: [{ ...first, accessLifeMs, grants: 1 + chance.index(3) }],
    forgets: false,
    keepAlive: true,
    smallCache: false,
    durationMs: accessLifeMs * 4,
    bursts: 3,
    illness: 'anyone',
    faults: drawFaults(chance, { forgets: false, hasEscrow: plan.hasEscrow }),
    closeTimeoutMs: 1_500,
  }
}

function crowded(plan: WorldPlan, first: ProviderPlan, chance: SeededChance): WorldPlan {
  const accessLifeMs = chance.pick([40_000, 60_000])
  const provider: ProviderPlan = {
    ...first,
    accessLifeMs,
    refreshLifeMs: Number.POSITIVE_INFINITY,
    budget: { limit: 300, windowMs: 60_000 },
    grants: 40 + chance.index(40),
  }
  return {
    ...plan,
    aim: 'crowd',
    machines: 1,
    processesPerMachine: 1 + chance.index(2),
    providers: [provider],
    hasEscrow: false,
    forgets: false,
    keepAlive: true,
    smallCache: false,
    durationMs: accessLifeMs * 2,
    bursts: 2,
    illness: 'anyone',
    faults: quietFaults,
  }
}

function kindNamed(name: string): ServerKind {
  const kind = SERVER_KINDS.find((each) => each.name === name)
  if (!kind) throw new Error(`no authorization server is called ${name}`)
  return kind
}
