import type { World } from '../run/world.js'
import { call, type Wish } from './caller.js'
import { deploy } from './deployment.js'
import { accompany } from './trouble.js'

/** Everything that people and applications do while faults are on, drawn in advance. */
export function scheduleBursts(world: World): void {
  const { plan, chance, time } = world
  for (let i = 0; i < plan.bursts; i++) {
    time.after(chance.float() * plan.durationMs, 'burst', () => burst(world))
  }
  // What died is started again soon, but not at once: others must cope meanwhile.
  const lookEveryMs = Math.max(500, plan.durationMs / 60)
  for (let atMs = lookEveryMs; atMs < plan.durationMs; atMs += lookEveryMs * chance.between(0.5, 1.5)) {
    time.after(atMs, 'supervisor', () => {
      for (const host of world.hosts) if (chance.happens(0.6)) host.revive()
    })
  }
}

/** Many callers at once, of one grant or of several, in one process or in all. */
function burst(world: World): void {
  const { chance, plan } = world
  const [first] = world.grants
  if (!first) return
  const wanted = chance.happens(0.3)
    ? world.grants.filter(() => chance.happens(0.6))
    : [chance.pick(world.grants as [typeof first, ...(typeof first)[]])]
  const everywhere = chance.happens(0.6)
  const style = chance.float()
  for (const { provider, grantId } of wanted) {
    for (const host of world.hosts) {
      if (!everywhere && chance.happens(0.6)) continue
      const owner = host.current
      const callers = 1 + (chance.happens(0.3) ? chance.index(4) : 0)
      for (let i = 0; i < callers; i++) {
        const wish = drawWish(world, provider.plan.accessLifeMs, style)
        owner.process.post(chance.happens(0.5) ? 0 : chance.between(0, 2_000), 'call', () =>
          call(world, owner, provider, grantId, wish),
        )
      }
    }
  }
  if (plan.faults.crash > 0 && chance.happens(0.2)) {
    const host = chance.pick(world.hosts as [World['hosts'][0], ...World['hosts']])
    world.time.after(chance.between(0, 2_000), 'roll-out', () => deploy(world, host))
  }
  const [one = first] = wanted
  accompany(world, one.provider, one.grantId, plan.durationMs / plan.bursts)
}

function drawWish({ chance }: World, lifeMs: number, style: number): Wish {
  const kind = chance.happens(0.7) ? style : chance.float()
  const usesIt = chance.happens(0.4)
  const timeoutMs = chance.pick([30_000, 30_000, 30_000, 15_000, 2_000, 60_000])
  if (kind < 0.35) return { timeoutMs, usesIt }
  if (kind < 0.7) return { timeoutMs, usesIt, forceRefresh: true }
  if (kind < 0.85) return { timeoutMs, usesIt, minValidityMs: lifeMs * chance.between(0.1, 1.05) }
  return { timeoutMs, usesIt, leavesAfterMs: chance.between(0, 3_000), forceRefresh: chance.happens(0.5) }
}
