import assert from 'node:assert/strict'
import type { FailAnswer, GrantLink, Timed } from '@evergrant/core'
import type { ContractChecks } from './contract-case.js'
import { brief, type ContractWorld, someKey } from './contract-world.js'

const fail = (world: ContractWorld, link: GrantLink, attempt = 'attempt-1'): Promise<Timed<FailAnswer>> =>
  world.store.fail({ ...link, attempt, reason: 'invalid_grant' })

export const failChecks: ContractChecks = {
  'fail: marks the grant dead with its reason and frees the lease': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    assert.equal((await fail(world, link)).status, 'failed')
    const record = await world.stored(link)
    assert.deepEqual([record.state, record.reason, record.secret], ['dead', 'invalid_grant', 'secret-1'])
    assert.deepEqual(record.attempts, [])
  },

  'fail: is idempotent': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    await fail(world, link)
    assert.equal((await fail(world, link)).status, 'failed')
  },

  'fail: answers not-holder without a lease': async (world) => {
    const link = await world.saved()
    assert.equal((await fail(world, link)).status, 'not-holder')
    assert.equal((await world.stored(link)).state, 'live')
  },

  'fail: answers not-holder after the lease ended': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1', { ttlMs: brief })
    await world.pass(brief)
    assert.equal((await fail(world, link)).status, 'not-holder')
    assert.equal((await world.stored(link)).state, 'live')
  },

  'fail: answers not-holder while another attempt holds the lease (C7)': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1', brief * 3)
    await world.pass(brief * 3)
    await world.acquire(link, 'attempt-2')
    assert.equal((await fail(world, link)).status, 'not-holder')
    assert.equal((await world.stored(link)).state, 'live')
  },

  'fail: is superseded by a new authorization of the same generation, which lives (C2)': async (world) => {
    const old = await world.saved()
    await world.armed(old, 'attempt-1')
    const fresh = await world.saved({ chain: 'chain-2' })
    await world.acquire(fresh, 'attempt-1')
    const answer = await fail(world, old)
    assert.equal(answer.status === 'superseded' && answer.record.chain, 'chain-2')
    assert.equal((await world.stored(fresh)).state, 'live')
  },

  'fail: is superseded by another generation, and missing without a grant': async (world) => {
    assert.equal((await fail(world, { ...someKey, chain: 'chain-1', generation: 1 })).status, 'missing')
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    assert.equal((await fail(world, { ...link, generation: 2 })).status, 'superseded')
    assert.equal((await world.stored(link)).state, 'live')
  },

  'fail: keeps the attempts of others': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1', brief * 3)
    await world.pass(brief * 3)
    await world.armed(link, 'attempt-2')
    assert.equal((await fail(world, link, 'attempt-2')).status, 'failed')
    const attempts = (await world.stored(link)).attempts.map(({ id, state }) => `${id} ${state}`)
    assert.deepEqual(attempts, ['attempt-1 open'])
  },
}
