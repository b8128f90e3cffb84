import type { Host } from '../fleet/host.js'
import type { World } from '../run/world.js'

/** A new version is rolled out: the old process closes its managers, ends, and another one starts. */
export function deploy(world: World, host: Host): void {
  const owner = host.current
  const { process } = owner
  if (process.state !== 'running' || owner.closing) return
  process.post(0, 'deployment', () => {
    if (owner.closing) return
    owner.closing = true
    world.fault('closed and replaced', { process })
    const beganAtMs = world.time.nowMs
    const closes = [...owner.managers.values()].map((manager) => manager.close())
    void Promise.allSettled(closes).then((outcomes) => {
      if (process.state === 'dead') return
      for (const each of outcomes)
        world.verdicts.bench.reached(`close: ${each.status === 'rejected' ? each.reason.code : 'done'}`)
      const inTime =
        world.time.nowMs - beganAtMs < world.plan.closeTimeoutMs &&
        process.freezes.every(({ toMs }) => toMs < beganAtMs)
      if (inTime && outcomes.every(({ status }) => status === 'fulfilled'))
        judgeLeavings(world, owner.process.name, process)
      world.tell(() => `${process.name} is closed and ends`)
      process.crash()
      world.tries.died(process)
      world.time.after(world.chance.between(50, 3_000), 'restart', () => host.revive())
    })
  })
}

/** P3: what was sent is read, and what was read is stored, before `close()` says that it is done. */
function judgeLeavings({ verdicts }: World, name: string, process: Host['current']['process']): void {
  for (const presentations of verdicts.bench.ledger.presentations.values()) {
    for (const { request, token } of presentations) {
      const isOver = request.readAtMs !== undefined || request.gaveUpAtMs !== undefined || request.isBroken
      if (request.process !== process || isOver) continue
      verdicts.bench.violated(
        'P3 kept',
        `${name} is closed while its request is under way`,
        token.family.grantId,
      )
    }
  }
}
