import assert from 'node:assert/strict'
import type { ArmRequest } from '@evergrant/core'
import type { ContractChecks } from './contract-case.js'
import { brief, long, pairOf, someKey } from './contract-world.js'

export const armChecks: ContractChecks = {
  'arm: writes the attempt down, counts the send and extends the lease': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    const answer = await world.arm(link, 'attempt-1', 2 * long)
    assert.equal(answer.status, 'armed')
    assert.equal(answer.untilMs, answer.nowMs + 2 * long)
    const record = await world.stored(link)
    const attempts = record.attempts.map((attempt) => ({ ...attempt }))
    assert.deepEqual(attempts, [{ id: 'attempt-1', armedAtMs: answer.nowMs, state: 'open' }])
    assert.equal(record.sends, 1)
    const other = await world.acquire(link, 'attempt-2')
    assert.equal(other.status === 'busy' && other.untilMs, answer.untilMs)
  },

  'arm: repeated by its attempt is armed again and counts no second send': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    const again = await world.arm(link, 'attempt-1')
    assert.equal(again.status, 'armed')
    const record = await world.stored(link)
    assert.deepEqual([record.sends, record.attempts.length], [1, 1])
  },

  'arm: answers not-holder without a lease': async (world) => {
    const link = await world.saved()
    assert.equal((await world.arm(link, 'attempt-1')).status, 'not-holder')
    assert.equal((await world.stored(link)).sends, 0)
  },

  'arm: answers not-holder after the lease ended': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1', { ttlMs: brief })
    await world.pass(brief)
    assert.equal((await world.arm(link, 'attempt-1')).status, 'not-holder')
    assert.deepEqual((await world.stored(link)).attempts, [])
  },

  'arm: answers not-holder after another attempt took the lease over': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1', { ttlMs: brief })
    await world.pass(brief)
    await world.acquire(link, 'attempt-2')
    assert.equal((await world.arm(link, 'attempt-1')).status, 'not-holder')
    assert.equal((await world.arm(link, 'attempt-2')).status, 'armed')
  },

  'arm: answers not-holder after its own release': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    await world.store.release({ ...link, attempt: 'attempt-1', outcome: 'not-sent' })
    assert.equal((await world.arm(link, 'attempt-1')).status, 'not-holder')
  },

  'arm: answers not-holder in a later hold of its attempt than the one it names': async (world) => {
    const link = await world.saved()
    const first = await world.acquire(link, 'attempt-1', { ttlMs: brief })
    await world.pass(brief)
    await world.armed(link, 'attempt-2', brief * 3)
    await world.pass(brief * 3)
    // The same question once more, late: whoever asked it has seen nothing of the other attempt.
    const again = await world.acquire(link, 'attempt-1')
    assert.ok(first.status === 'acquired' && again.status === 'acquired')
    assert.ok(again.heldSinceMs > first.heldSinceMs)
    assert.equal((await world.arm(link, 'attempt-1', long, first.heldSinceMs)).status, 'not-holder')
    assert.equal((await world.stored(link)).sends, 1)
    assert.equal((await world.arm(link, 'attempt-1', long, again.heldSinceMs)).status, 'armed')
  },

  'arm: answers not-holder in a later hold also when the attempt is written down': async (world) => {
    const link = await world.saved()
    const first = await world.acquire(link, 'attempt-1', { ttlMs: brief * 3 })
    assert.equal((await world.arm(link, 'attempt-1', brief)).status, 'armed')
    await world.pass(brief * 3)
    await world.acquire(link, 'attempt-1')
    assert.ok(first.status === 'acquired')
    assert.equal((await world.arm(link, 'attempt-1', long, first.heldSinceMs)).status, 'not-holder')
  },

  'arm: answers not-holder to one who names no hold, as older callers do': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    const request = { ...link, attempt: 'attempt-1', ttlMs: long } as ArmRequest
    assert.equal((await world.store.arm(request)).status, 'not-holder')
  },

  'arm: goes on in a hold that was extended': async (world) => {
    const link = await world.saved()
    const first = await world.acquire(link, 'attempt-1')
    if (world.clockIsOurs) await world.pass(brief)
    const extended = await world.acquire(link, 'attempt-1')
    assert.ok(first.status === 'acquired' && extended.status === 'acquired')
    assert.equal(extended.heldSinceMs, first.heldSinceMs)
    assert.equal((await world.arm(link, 'attempt-1')).status, 'armed')
  },

  'arm: answers superseded by generation, by chain and for a dead grant, missing for none': async (world) => {
    const none = { ...someKey, chain: 'chain-1', generation: 1 }
    assert.equal((await world.arm(none, 'attempt-1')).status, 'missing')
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    assert.equal((await world.arm({ ...link, generation: 2 }, 'attempt-1')).status, 'superseded')
    assert.equal((await world.arm({ ...link, chain: 'chain-0' }, 'attempt-1')).status, 'superseded')
    await world.store.commit({ ...link, attempt: 'attempt-9', next: pairOf('secret-2') })
    const late = await world.arm(link, 'attempt-1')
    assert.equal(late.status === 'superseded' && late.record.secret, 'secret-2')
    const next = { ...link, generation: 2 }
    await world.acquire(next, 'attempt-3')
    await world.store.fail({ ...next, attempt: 'attempt-3', reason: 'invalid_grant' })
    const dead = await world.arm(next, 'attempt-3')
    assert.equal(dead.status === 'superseded' && dead.record.state, 'dead')
  },
}
