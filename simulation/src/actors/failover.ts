import type { StoredGrant } from '@evergrant/core'
import { crash } from '../fleet/strikes.js'
import type { World } from '../run/world.js'
import { call } from './caller.js'
import { deploy } from './deployment.js'

/** What a node that takes over may not have. */
export const MOST_LOST_MS = 2_000

/** The store's place is taken by a node that does not have the last writes. */
export function failOver(world: World, lostMs: number): void {
  const { store, time, chance, verdicts } = world
  const changed = store.forgetSince(time.nowMs - lostMs)
  world.tell(() => `the store forgets its last ${Math.round(lostMs)} ms`)
  if (changed.length === 0) return
  for (const { record } of changed) {
    verdicts.bench.ledger.forgotten.set(record.grantId, time.nowMs)
    world.fault('store forgot writes', { grantId: record.grantId })
  }
  reconnect(world)
  for (const each of changed) if (chance.happens(0.4)) useAtOnce(world, each)
}

/** Seldom does a node fail alone: who asks for what it forgot may be about to end. */
function useAtOnce(world: World, { record }: StoredGrant): void {
  const { chance, time } = world
  const provider = world.grants.find(({ grantId }) => grantId === record.grantId)?.provider
  const host = chance.pick(world.hosts as [World['hosts'][0], ...World['hosts']])
  const { current } = host
  if (!provider || current.process.state === 'dead') return
  const wish = { timeoutMs: 30_000, usesIt: false, forceRefresh: true }
  current.process.post(0, 'call', () => call(world, current, provider, record.grantId, wish))
  const soonMs = chance.spread(1, 500)
  const fate = chance.float()
  if (fate < 0.3) time.after(soonMs, 'roll-out', () => deploy(world, host))
  else if (fate < 0.6) time.after(soonMs, 'strike', () => crash(world, current.process, 'beside a failover'))
}

/** A client's connection to the store's notices was gone: it cannot know what it missed. */
export function reconnect({ conditions, chance, plan }: World): void {
  for (const { process, watcher } of conditions.watchers) {
    if (process.state !== 'dead')
      process.post(plan.storeLatencyMs * chance.float(), 'gap', () => watcher.gap())
  }
}
