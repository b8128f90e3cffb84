import assert from 'node:assert/strict'
import type { GrantLink, ReleaseOutcome } from '@evergrant/core'
import type { ContractChecks } from './contract-case.js'
import { brief, type ContractWorld, pairOf, someKey } from './contract-world.js'

const release = (world: ContractWorld, link: GrantLink, outcome: ReleaseOutcome, attempt = 'attempt-1') =>
  world.store.release({ ...link, attempt, outcome })

async function attemptsOf(world: ContractWorld, link: GrantLink): Promise<(string | number)[]> {
  const { sends, attempts } = await world.stored(link)
  return [sends, ...attempts.map(({ id, state }) => `${id} ${state}`)]
}

export const releaseChecks: ContractChecks = {
  'release: frees the lease before its end': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    await release(world, link, 'not-sent')
    assert.equal((await world.acquire(link, 'attempt-2')).status, 'acquired')
  },

  'release: not-sent removes the attempt and takes its send off the count, once': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    await release(world, link, 'not-sent')
    await release(world, link, 'not-sent')
    assert.deepEqual(await attemptsOf(world, link), [0])
  },

  'release: refused removes the attempt and keeps its send': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    await release(world, link, 'refused')
    await release(world, link, 'refused')
    assert.deepEqual(await attemptsOf(world, link), [1])
  },

  'release: lost marks the attempt and keeps its send': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    await release(world, link, 'lost')
    await release(world, link, 'lost')
    assert.deepEqual(await attemptsOf(world, link), [1, 'attempt-1 lost'])
    assert.equal((await world.acquire(link, 'attempt-2')).status, 'acquired')
  },

  'release: records the outcome after the lease ended, and leaves the next holder alone': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1', brief * 3)
    await world.pass(brief * 3)
    await world.armed(link, 'attempt-2')
    await release(world, link, 'lost')
    assert.deepEqual(await attemptsOf(world, link), [2, 'attempt-1 lost', 'attempt-2 open'])
    assert.equal((await world.acquire(link, 'attempt-3')).status, 'busy')
  },

  'release: of another attempt takes nobody’s lease': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    await release(world, link, 'not-sent', 'attempt-2')
    assert.deepEqual(await attemptsOf(world, link), [1, 'attempt-1 open'])
    assert.equal((await world.acquire(link, 'attempt-3')).status, 'busy')
  },

  'release: does nothing after a commit, after a new authorization, and without a grant': async (world) => {
    await release(world, { ...someKey, chain: 'chain-1', generation: 1 }, 'lost')
    assert.equal((await world.store.load(someKey)).record, undefined)
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    await world.store.commit({ ...link, attempt: 'attempt-1', next: pairOf('secret-2') })
    const committed = await world.stored(link)
    await release(world, link, 'lost')
    assert.deepEqual({ ...(await world.stored(link)) }, { ...committed })
    const fresh = await world.saved({ chain: 'chain-2' })
    await world.acquire(fresh, 'attempt-1')
    await release(world, link, 'lost')
    assert.equal((await world.acquire(fresh, 'attempt-2')).status, 'busy')
  },
}
