import type { FleetProcess } from '../fleet/fleet-process.js'
import type { JudgedProvider } from '../oracle/oracle.js'
import type { World } from '../run/world.js'
import { failOver, MOST_LOST_MS, reconnect } from './failover.js'
import { authorize } from './user.js'

/** What may accompany a burst of calls: conditions that last, people who act, machines that are set right. */
export function accompany(world: World, of: JudgedProvider, grantId: string, lastsMs: number): void {
  const { plan, chance, conditions, time } = world
  const provider = plan.illness === 'first-provider' ? (world.grants[0]?.provider ?? of) : of
  const { faults } = plan
  const soon = (): number => chance.between(0, Math.min(4_000, lastsMs))
  const a = (probability: number, label: string, run: () => void): void => {
    if (chance.happens(probability)) time.after(soon(), label, () => conditions.calm || run())
  }
  const someProcess = (): FleetProcess | undefined =>
    chance.pick(world.hosts as [World['hosts'][0], ...World['hosts']]).current

  a(faults.clockJump, 'clock jumps', () => {
    const machine = chance.pick(world.machines as [World['machines'][0], ...World['machines']])
    const byMs = chance.spread(100, 86_400_000) * (chance.happens(0.5) ? 1 : -1)
    world.tell(() => `${machine.name}'s wall clock jumps by ${Math.round(byMs)} ms`)
    for (const { process } of world.hosts.map(({ current }) => current))
      if (process.machine === machine && process.pending > 0) world.fault('clock jump', { process })
    machine.jump(byMs)
  })
  a(faults.storeOutage, 'store goes down', () => {
    if (conditions.storeDown) return
    conditions.storeDown = true
    world.tell(() => 'the store is down')
    time.after(chance.spread(100, 60_000), 'store comes up', () => {
      conditions.storeDown = false
      world.tell(() => 'the store is up')
      reconnect(world)
    })
  })
  a(faults.rollback, 'store forgets', () => failOver(world, chance.spread(20, MOST_LOST_MS)))
  a(faults.partition, 'partition', () => {
    // Now and then the very one that has a successor in hand, or is about to.
    const process = (chance.happens(0.5) && world.tries.holderOf(grantId)) || someProcess()?.process
    if (!process || conditions.cutOff.has(process)) return
    conditions.cutOff.add(process)
    world.tell(() => `${process.name} is cut off from the store`)
    time.after(chance.spread(500, 60_000), 'partition ends', () => {
      conditions.cutOff.delete(process)
      world.tell(() => `${process.name} reaches the store again`)
    })
  })
  a(faults.reauthorize, 'user comes', () => {
    const owner = someProcess()
    if (!owner) return
    const lease = world.store.get({ provider: provider.plan.id, grantId })?.lease
    if (lease && lease.untilMs > world.store.nowMs())
      world.fault('authorized again during a rotation', { grantId })
    const how = chance.pick(['code', 'reply'] as const)
    owner.process.post(0, 'user', () => void authorize(world, owner, provider, grantId, how))
  })
  a(faults.revoke, 'revocation', () => revoke(world, provider, grantId, someProcess()))
  a(faults.clientRejected, 'client secret changes', () => {
    const forMs = chance.spread(1_000, 120_000)
    world.tell(() => `${provider.plan.id} refuses the client for ${Math.round(forMs)} ms`)
    provider.server.rejectClientUntil(time.nowMs + forMs)
  })
  a(faults.apiRefusesAll, 'API refuses', () => {
    conditions.apisRefusing.add(provider.plan.id)
    time.after(
      chance.spread(1_000, 60_000),
      'API accepts',
      () => void conditions.apisRefusing.delete(provider.plan.id),
    )
  })
  a(faults.providerDown, 'provider goes down', () => {
    conditions.providersDown.add(provider.plan.id)
    time.after(
      chance.spread(1_000, 60_000),
      'provider comes up',
      () => void conditions.providersDown.delete(provider.plan.id),
    )
  })
}

function revoke(
  world: World,
  { plan, server }: JudgedProvider,
  grantId: string,
  owner: FleetProcess | undefined,
): void {
  const record = world.store.get({ provider: plan.id, grantId })?.record
  if (!record || !owner) return
  const token = /"refresh_token":"([^"]+)"/.exec(record.secret)?.[1]
  world.fault('revoked', { grantId })
  if (world.chance.happens(0.5) && token) {
    world.tell(() => `the user revokes ${grantId} at ${plan.id}`)
    server.book.revoke(token)
    return
  }
  world.tell(() => `${owner.process.name}: revoke ${grantId}`)
  owner.process.post(0, 'revoke', () => {
    if (owner.closing) return
    const { authorizing } = owner
    const count = (by: number): unknown => authorizing.set(grantId, (authorizing.get(grantId) ?? 0) + by)
    count(1)
    owner.managers
      .get(plan.id)
      ?.revoke(grantId)
      .catch(() => {})
      .finally(() => count(-1))
  })
}
