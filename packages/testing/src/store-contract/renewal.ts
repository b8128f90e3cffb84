import assert from 'node:assert/strict'
import type { GrantKey, TokenStore } from '@evergrant/core'
import type { ContractChecks } from './contract-case.js'
import { brief, type ContractWorld, long, pairOf } from './contract-world.js'

const claim = async (
  store: TokenStore,
  over: Partial<Parameters<TokenStore['claimDue']>[0]> = {},
): Promise<string[]> => {
  const request = { provider: 'contract', beforeMs: 1_000, limit: 100, holdMs: long, ...over }
  const { keys } = await store.claimDue(request)
  return keys.map(({ grantId }: GrantKey) => grantId)
}

async function saveDue(world: ContractWorld, due: Readonly<Record<string, number | null>>): Promise<void> {
  for (const [grantId, renewAtMs] of Object.entries(due)) {
    await world.saved({ grantId, renewAtMs, chain: `chain-${grantId}` })
  }
}

export const renewalChecks: ContractChecks = {
  'claimDue: gives what is due up to the instant, earliest first': async (world) => {
    await saveDue(world, { late: 1_001, last: 1_000, never: null, first: 10, middle: 500 })
    const answer = await world.store.claimDue({
      provider: 'contract',
      beforeMs: 1_000,
      limit: 100,
      holdMs: long,
    })
    assert.deepEqual(
      answer.keys.map((key) => ({ ...key })),
      ['first', 'middle', 'last'].map((grantId) => ({ provider: 'contract', grantId })),
    )
    assert.equal(typeof answer.nowMs, 'number')
  },

  'claimDue: gives no more than the limit, the rest to the next': async (world) => {
    await saveDue(world, { a: 1, b: 2, c: 3, d: 4, e: 5 })
    assert.deepEqual(await claim(world.store, { limit: 2 }), ['a', 'b'])
    assert.deepEqual(await claim(await world.second(), { limit: 2 }), ['c', 'd'])
    assert.deepEqual(await claim(world.store, { limit: 2 }), ['e'])
    assert.deepEqual(await claim(world.store, { limit: 2 }), [])
  },

  'claimDue: sweepers at the same time never get the same rows': async (world) => {
    const due = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`grant-${i}`, i]))
    await saveDue(world, due)
    const second = await world.second()
    const sweeps = Array.from({ length: 10 }, (_, i) => claim(i % 2 ? second : world.store, { limit: 4 }))
    const claimed = (await Promise.all(sweeps)).flat()
    assert.equal(claimed.length, 30)
    assert.equal(new Set(claimed).size, 30)
  },

  'claimDue: gives a grant again after holdMs': async (world) => {
    await saveDue(world, { a: 1 })
    assert.deepEqual(await claim(world.store, { holdMs: brief }), ['a'])
    await world.pass(brief)
    assert.deepEqual(await claim(world.store), ['a'])
    assert.deepEqual(await claim(world.store), [])
  },

  'claimDue: who was claimed in vain comes after those who have waited': async (world) => {
    await saveDue(world, { a: 1, b: 2, c: 500 })
    assert.deepEqual(await claim(world.store, { holdMs: brief, limit: 2 }), ['a', 'b'])
    await world.pass(brief)
    assert.deepEqual(await claim(world.store, { limit: 1 }), ['c'])
    assert.deepEqual((await claim(world.store)).sort(), ['a', 'b'])
  },

  'claimDue: a commit ends the claim, and its renewAtMs counts': async (world) => {
    const link = await world.saved({ renewAtMs: 1 })
    assert.equal((await claim(world.store)).length, 1)
    const commit = (generation: number, renewAtMs: number | null) =>
      world.store.commit({
        ...link,
        generation,
        attempt: `a-${generation}`,
        next: pairOf('s', { renewAtMs }),
      })
    await commit(1, 2_000)
    assert.deepEqual(await claim(world.store), [])
    await commit(2, 900)
    assert.deepEqual(await claim(world.store), [link.grantId])
    await commit(3, null)
    assert.deepEqual(await claim(world.store, { beforeMs: Number.MAX_SAFE_INTEGER }), [])
  },

  'claimDue: a save ends the claim': async (world) => {
    const link = await world.saved({ renewAtMs: 1 })
    await claim(world.store)
    await world.saved({ chain: 'chain-2', renewAtMs: 1 })
    assert.deepEqual(await claim(world.store), [link.grantId])
  },

  'claimDue: the steps of a rotation under way keep the claim': async (world) => {
    const link = await world.saved({ renewAtMs: 1 })
    await claim(world.store)
    await world.armed(link, 'attempt-1')
    await world.store.replaceSecret({ ...link, from: 'secret-1', to: 'sealed' })
    await world.store.release({ ...link, attempt: 'attempt-1', outcome: 'lost' })
    assert.deepEqual(await claim(world.store), [])
  },

  'claimDue: leaves out dead grants, removed grants and other providers': async (world) => {
    const dead = await world.saved({ grantId: 'dead', renewAtMs: 1 })
    await world.acquire(dead, 'attempt-1')
    await world.store.fail({ ...dead, attempt: 'attempt-1', reason: 'invalid_grant' })
    await world.store.remove(await world.saved({ grantId: 'removed', renewAtMs: 1 }))
    await world.saved({ provider: 'other', grantId: 'theirs', renewAtMs: 1 })
    await world.saved({ grantId: 'mine', renewAtMs: 1 })
    assert.deepEqual(await claim(world.store), ['mine'])
    assert.deepEqual(await claim(world.store, { provider: 'other' }), ['theirs'])
  },
}
