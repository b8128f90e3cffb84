import assert from 'node:assert/strict'
import type { GrantLink, TokenStore } from '@evergrant/core'
import type { ContractChecks } from './contract-case.js'
import { aWhile, type ContractWorld, eventually, pairOf } from './contract-world.js'

interface Ear {
  readonly heard: GrantLink[]
  readonly stop: () => Promise<void>
}

/** Stores may do without `watch`; one that has it must report every kind of change, so there is nothing to skip. */
async function listen(store: TokenStore): Promise<Ear | undefined> {
  const heard: GrantLink[] = []
  const ear = { changed: (link: GrantLink) => void heard.push(link), gap: () => {} }
  const stop = await store.watch?.(ear)
  return stop && { heard, stop }
}

const says = (ear: Ear, link: GrantLink): boolean =>
  ear.heard.some(
    (heard) =>
      heard.provider === link.provider &&
      heard.grantId === link.grantId &&
      heard.chain === link.chain &&
      heard.generation === link.generation,
  )

/** Each kind of change: what to do before anyone listens, the change itself, and the link to be heard of. */
const changes: Readonly<
  Record<string, (world: ContractWorld, writer: TokenStore) => Promise<[() => Promise<unknown>, GrantLink]>>
> = {
  save: async (world, writer) => {
    const link = { ...(await world.saved()), chain: 'chain-2', generation: 1 } as const
    return [() => writer.save({ ...link, ...pairOf('secret-2') }), link]
  },
  commit: async (world, writer) => {
    const link = await world.saved()
    const next = pairOf('secret-2')
    return [() => writer.commit({ ...link, attempt: 'attempt-1', next }), { ...link, generation: 2 }]
  },
  fail: async (world, writer) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    return [() => writer.fail({ ...link, attempt: 'attempt-1', reason: 'invalid_grant' }), link]
  },
  release: async (world, writer) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    return [() => writer.release({ ...link, attempt: 'attempt-1', outcome: 'lost' }), link]
  },
  remove: async (world, writer) => {
    const link = await world.saved()
    return [() => writer.remove(link), { ...link, chain: '', generation: 0 }]
  },
}

const perChange: ContractChecks = Object.fromEntries(
  Object.entries(changes).flatMap(([kind, prepare]) =>
    (['own', 'second'] as const).map((handle) => [
      `watch: reports a ${kind} through ${handle === 'own' ? 'its own' : 'a second'} handle`,
      async (world: ContractWorld) => {
        const writer = handle === 'own' ? world.store : await world.second()
        const [change, link] = await prepare(world, writer)
        const ear = await listen(world.store)
        await change()
        if (!ear) return
        await eventually(`a notice of the ${kind}`, () => says(ear, link))
        await ear.stop()
      },
    ]),
  ),
)

export const watchChecks: ContractChecks = {
  ...perChange,

  'watch: reports to every watcher, and to none after it was ended': async (world) => {
    const [first, second] = [await listen(world.store), await listen(world.store)]
    if (!first || !second) return
    await first.stop()
    const link = await world.saved()
    await eventually('a notice for the watcher that is left', () => says(second, link))
    await aWhile()
    assert.deepEqual(first.heard, [])
    await second.stop()
    await second.stop()
    const later = await world.saved({ chain: 'chain-2' })
    await aWhile()
    assert.ok(!says(second, later))
  },
}
