import assert from 'node:assert/strict'
import type { ContractChecks } from './contract-case.js'
import { brief, long, pairOf, someKey } from './contract-world.js'

export const leaseChecks: ContractChecks = {
  'acquire: gives the lease of the live link, with its record and its end': async (world) => {
    const link = await world.saved()
    const answer = await world.acquire(link, 'attempt-1', { ttlMs: long })
    assert.equal(answer.status, 'acquired')
    assert.equal(answer.untilMs, answer.nowMs + long)
    assert.deepEqual({ ...answer.record }, { ...(await world.stored(link)) })
  },

  'acquire: answers busy with the end of the lease while another attempt holds it': async (world) => {
    const link = await world.saved()
    const first = await world.acquire(link, 'attempt-1')
    const second = await world.second()
    const request = { ...link, attempt: 'attempt-2', ttlMs: long, maxHoldMs: long }
    const answer = await second.acquire(request)
    assert.equal(answer.status, 'busy')
    assert.equal(answer.untilMs, first.status === 'acquired' && first.untilMs)
  },

  'acquire: gives the lease to another attempt after it ended': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1', { ttlMs: brief })
    await world.pass(brief)
    assert.equal((await world.acquire(link, 'attempt-2')).status, 'acquired')
    assert.equal((await world.acquire(link, 'attempt-1')).status, 'busy')
  },

  'acquire: repeated by its holder extends the lease': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    await world.pass(brief)
    const again = await world.acquire(link, 'attempt-1')
    assert.equal(again.status, 'acquired')
    assert.equal(again.untilMs, again.nowMs + long)
  },

  'acquire: extends no further than maxHoldMs after the lease was first given': async (world) => {
    const link = await world.saved()
    const times = { ttlMs: long, maxHoldMs: long + 10 }
    const first = await world.acquire(link, 'attempt-1', times)
    await world.pass(brief)
    const again = await world.acquire(link, 'attempt-1', times)
    assert.equal(again.status, 'acquired')
    assert.equal(again.untilMs, first.nowMs + long + 10)
  },

  'acquire: never cuts a lease short that lasts longer already': async (world) => {
    const link = await world.saved()
    const first = await world.acquire(link, 'attempt-1')
    const again = await world.acquire(link, 'attempt-1', { ttlMs: 1, maxHoldMs: 1 })
    assert.equal(again.status, 'acquired')
    assert.equal(again.untilMs, first.status === 'acquired' && first.untilMs)
  },

  'acquire: answers superseded with the record when the generation moved on': async (world) => {
    const link = await world.saved()
    await world.store.commit({ ...link, attempt: 'attempt-1', next: pairOf('secret-2') })
    const answer = await world.acquire(link, 'attempt-2')
    assert.equal(answer.status, 'superseded')
    assert.deepEqual([answer.record.generation, answer.record.secret], [2, 'secret-2'])
    const ahead = await world.acquire({ ...link, generation: 3 }, 'attempt-2')
    assert.equal(ahead.status, 'superseded')
  },

  'acquire: answers superseded when the chain is another one of the same generation (C2)': async (world) => {
    const old = await world.saved()
    await world.saved({ chain: 'chain-2', secret: 'secret-2' })
    const answer = await world.acquire(old, 'attempt-1')
    assert.equal(answer.status, 'superseded')
    assert.deepEqual([answer.record.chain, answer.record.secret], ['chain-2', 'secret-2'])
  },

  'acquire: answers superseded with the same link when it is dead': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    await world.store.fail({ ...link, attempt: 'attempt-1', reason: 'invalid_grant' })
    const answer = await world.acquire(link, 'attempt-2')
    assert.equal(answer.status, 'superseded')
    assert.deepEqual([answer.record.state, answer.record.reason], ['dead', 'invalid_grant'])
  },

  'acquire: answers missing when there is no grant': async (world) => {
    const answer = await world.acquire({ ...someKey, chain: 'chain-1', generation: 1 }, 'attempt-1')
    assert.equal(answer.status, 'missing')
    assert.equal(typeof answer.nowMs, 'number')
  },

  'acquire: shows the open attempt of a holder whose lease ended (C3)': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1', brief * 3)
    await world.pass(brief * 3)
    const answer = await world.acquire(link, 'attempt-2')
    assert.equal(answer.status, 'acquired')
    assert.deepEqual(
      answer.record.attempts.map(({ id, state }) => [id, state]),
      [['attempt-1', 'open']],
    )
    assert.equal(answer.record.sends, 1)
  },
}
