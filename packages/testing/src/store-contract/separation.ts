import assert from 'node:assert/strict'
import type { ContractChecks } from './contract-case.js'
import { type ContractWorld, long, pairOf } from './contract-world.js'

/** Ids that some database, key format or pattern would take for another one, or for code. */
const oddIds: readonly string[] = [
  '😀👩‍👩‍👧',
  'é', // one code point
  'e\u0301', // two
  'a'.repeat(255),
  `${'é'.repeat(127)}a`,
  "o'brien",
  'say "hi"',
  'back\\slash',
  '100%',
  '%',
  '_',
  '*',
  '?',
  '[a-z]',
  '{tag}',
  'a:b',
  'a/b',
  '../a',
  ' a',
  'a ',
  'a',
  'A',
  '0',
  '00',
  '1e3',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  '$1',
  '?1',
  ';--',
]

/** Pairs of provider and id that a careless key runs together. */
const confusable: readonly (readonly [string, string])[] = [
  ['a', 'b:c'],
  ['a:b', 'c'],
  ['a', 'b/c'],
  ['a/b', 'c'],
  ['a b', 'c'],
  ['a', ' b c'],
  ['ab', 'c'],
  ['a', 'bc'],
  ['["a"', '"b"]'],
]

async function keepsApart(world: ContractWorld, keys: readonly (readonly [string, string])[]): Promise<void> {
  const secretOf = (provider: string, grantId: string): string => `secret of ${provider} ${grantId}`
  for (const [provider, grantId] of keys) {
    await world.saved({ provider, grantId, secret: secretOf(provider, grantId) })
  }
  for (const [provider, grantId] of keys) {
    const record = await world.stored({ provider, grantId })
    assert.deepEqual(
      [record.provider, record.grantId, record.secret],
      [provider, grantId, secretOf(provider, grantId)],
    )
    const link = { provider, grantId, chain: record.chain, generation: record.generation }
    assert.equal((await world.acquire(link, 'attempt-1')).status, 'acquired')
  }
  for (const [provider, grantId] of keys) {
    assert.equal((await world.store.remove({ provider, grantId })).record?.grantId, grantId)
  }
}

export const separationChecks: ContractChecks = {
  'ids: odd grant ids are kept exactly and apart': (world) =>
    keepsApart(
      world,
      oddIds.map((grantId) => ['contract', grantId]),
    ),

  'ids: odd provider ids are kept exactly and apart': (world) =>
    keepsApart(
      world,
      oddIds.map((provider) => [provider, 'grant-1']),
    ),

  'ids: provider and grant id never run together': (world) => keepsApart(world, confusable),

  'ids: listed and claimed as they were saved': async ({ store, saved }) => {
    for (const grantId of oddIds) await saved({ grantId, renewAtMs: 1 })
    const { records } = await store.list({ provider: 'contract', limit: 1_000 })
    assert.deepEqual(new Set(records.map(({ grantId }) => grantId)), new Set(oddIds))
    const { keys } = await store.claimDue({ provider: 'contract', beforeMs: 2, limit: 1_000, holdMs: long })
    assert.deepEqual(new Set(keys.map(({ grantId }) => grantId)), new Set(oddIds))
  },

  'apart: two providers with the same grant id never touch each other (P6)': async (world) => {
    const mine = await world.saved({ provider: 'one', secret: 'mine' })
    const theirs = await world.saved({ provider: 'two', secret: 'theirs' })
    const before = await world.stored(theirs)
    await world.armed(mine, 'attempt-1')
    assert.equal((await world.acquire(theirs, 'attempt-2')).status, 'acquired')
    await world.store.commit({ ...mine, attempt: 'attempt-1', next: pairOf('mine-2', { renewAtMs: 1 }) })
    await world.store.claimDue({ provider: 'one', beforeMs: 2, limit: 10, holdMs: long })
    await world.acquire({ ...mine, generation: 2 }, 'attempt-3')
    await world.store.fail({ ...mine, generation: 2, attempt: 'attempt-3', reason: 'invalid_grant' })
    await world.store.remove(mine)
    assert.deepEqual({ ...(await world.stored(theirs)) }, { ...before })
    assert.equal((await world.arm(theirs, 'attempt-2')).status, 'armed')
  },
}
