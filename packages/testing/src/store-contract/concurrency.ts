import assert from 'node:assert/strict'
import type { TokenStore } from '@evergrant/core'
import type { ContractChecks } from './contract-case.js'
import { type ContractWorld, long, pairOf } from './contract-world.js'

const writers = 20

/** Runs one call per writer at once, half of them through a second handle, and counts the answers. */
async function atOnce(
  world: ContractWorld,
  call: (store: TokenStore, writer: number) => Promise<{ readonly status: string }>,
): Promise<Readonly<Record<string, number>>> {
  const handles = [world.store, await world.second()] as const
  const calls = Array.from({ length: writers }, (_, i) => call(i % 2 ? handles[1] : handles[0], i))
  const counts: Record<string, number> = {}
  for (const { status } of await Promise.all(calls)) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

export const concurrencyChecks: ContractChecks = {
  'acquire: of many at once exactly one gets the lease (P2)': async (world) => {
    const link = await world.saved()
    const times = { ttlMs: long, maxHoldMs: long }
    const counts = await atOnce(world, (store, i) => store.acquire({ ...link, ...times, attempt: `a-${i}` }))
    assert.deepEqual(counts, { acquired: 1, busy: writers - 1 })
  },

  'commit: of many at once from one link exactly one is stored (P1)': async (world) => {
    const link = await world.saved()
    const counts = await atOnce(world, (store, i) =>
      store.commit({ ...link, attempt: `attempt-${i}`, next: pairOf(`secret-${i}`) }),
    )
    assert.deepEqual(counts, { committed: 1, superseded: writers - 1 })
    assert.equal((await world.stored(link)).generation, 2)
  },

  'commit: one attempt’s commit repeated at once is stored once': async (world) => {
    const link = await world.saved()
    const request = { ...link, attempt: 'attempt-1', next: pairOf('secret-2') }
    assert.deepEqual(await atOnce(world, (store) => store.commit(request)), { committed: writers })
    assert.equal((await world.stored(link)).generation, 2)
  },

  'arm: repeated at once counts one send': async (world) => {
    const link = await world.saved()
    const lease = await world.acquire(link, 'attempt-1')
    assert.ok(lease.status === 'acquired')
    const request = { ...link, attempt: 'attempt-1', ttlMs: long, heldSinceMs: lease.heldSinceMs }
    assert.deepEqual(await atOnce(world, (store) => store.arm(request)), { armed: writers })
    assert.equal((await world.stored(link)).sends, 1)
  },

  'commit: no update is lost when many rotate as fast as they can': async (world) => {
    const link = await world.saved()
    let committed = 0
    const counts = await atOnce(world, async (store, i) => {
      for (let tries = 0; tries < 5; tries++) {
        const { record } = await store.load(link)
        const generation = record?.generation ?? 0
        const attempt = `attempt-${i}-${tries}`
        const { status } = await store.commit({ ...link, generation, attempt, next: pairOf(attempt) })
        if (status === 'committed') committed++
      }
      return { status: 'done' }
    })
    assert.deepEqual(counts, { done: writers })
    assert.equal((await world.stored(link)).generation, 1 + committed)
    assert.ok(committed >= 5, 'somebody always wins')
  },

  'save: the last of two at once is stored whole': async (world) => {
    const link = await world.saved()
    await atOnce(world, async (store, i) => {
      await store.save({ ...link, generation: 1, chain: `chain-${i}`, ...pairOf(`secret-${i}`) })
      return { status: 'saved' }
    })
    const record = await world.stored(link)
    assert.equal(record.chain.replace('chain', ''), record.secret.replace('secret', ''))
  },
}
