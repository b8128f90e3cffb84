import assert from 'node:assert/strict'
import type { CommitAnswer, GrantLink, Timed } from '@evergrant/core'
import type { ContractChecks } from './contract-case.js'
import { brief, type ContractWorld, pairOf, someKey } from './contract-world.js'

const commit = (
  world: ContractWorld,
  link: GrantLink,
  secret = 'secret-2',
  attempt = 'attempt-1',
): Promise<Timed<CommitAnswer>> => world.store.commit({ ...link, attempt, next: pairOf(secret) })

export const commitChecks: ContractChecks = {
  'commit: stores the successor as the next generation and drops lease, attempts and sends': async (
    world,
  ) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    const next = { secret: 'secret-2', expiresAtMs: null, renewAtMs: null }
    const answer = await world.store.commit({ ...link, attempt: 'attempt-1', next })
    assert.equal(answer.status, 'committed')
    const committedAtMs = answer.nowMs
    const expected = { ...link, ...next, generation: 2, state: 'live', attempts: [], sends: 0, committedAtMs }
    assert.deepEqual({ ...answer.record }, expected)
    assert.deepEqual({ ...(await world.stored(link)) }, expected)
    assert.equal((await world.acquire({ ...link, generation: 2 }, 'attempt-2')).status, 'acquired')
  },

  'commit: needs no lease': async (world) => {
    const link = await world.saved()
    assert.equal((await commit(world, link)).status, 'committed')
  },

  'commit: is accepted from generation 0': async (world) => {
    const link = await world.saved({ generation: 0, secret: '' })
    const answer = await commit(world, link)
    assert.equal(answer.status === 'committed' && answer.record.generation, 1)
  },

  'commit: is accepted after the lease of its attempt ended': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1', brief * 3)
    await world.pass(brief * 3)
    assert.equal((await commit(world, link)).status, 'committed')
  },

  'commit: is accepted after another holder armed, who then finds it (C3)': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1', brief * 3)
    await world.pass(brief * 3)
    await world.armed(link, 'attempt-2')
    assert.equal((await commit(world, link)).status, 'committed')
    const late = await commit(world, link, 'secret-other', 'attempt-2')
    assert.equal(late.status === 'superseded' && late.record.secret, 'secret-2')
    assert.equal((await world.arm(link, 'attempt-2')).status, 'superseded')
  },

  'commit: repeated after a lost answer is committed, and nothing is stored twice': async (world) => {
    const link = await world.saved()
    const first = await commit(world, link)
    const again = await commit(world, link)
    assert.equal(first.status, 'committed')
    assert.equal(again.status, 'committed')
    assert.deepEqual({ ...again.record }, { ...first.record })
    assert.equal((await world.stored(link)).generation, 2)
  },

  'commit: repeated is still committed while the next rotation is under way': async (world) => {
    const link = await world.saved()
    await commit(world, link)
    await world.armed({ ...link, generation: 2 }, 'attempt-2')
    assert.equal((await commit(world, link)).status, 'committed')
    assert.equal((await world.stored(link)).sends, 1)
  },

  'commit: repeated after the next commit is superseded': async (world) => {
    const link = await world.saved()
    await commit(world, link)
    await commit(world, { ...link, generation: 2 }, 'secret-3', 'attempt-2')
    const late = await commit(world, link)
    assert.equal(late.status === 'superseded' && late.record.secret, 'secret-3')
  },

  'commit: is superseded by another attempt’s commit of the same link': async (world) => {
    const link = await world.saved()
    await commit(world, link, 'secret-2', 'attempt-1')
    const answer = await commit(world, link, 'secret-other', 'attempt-2')
    assert.equal(answer.status === 'superseded' && answer.record.secret, 'secret-2')
  },

  'commit: is superseded by a new authorization of the same generation (C1)': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    await world.saved({ chain: 'chain-2', secret: 'secret-new' })
    const answer = await commit(world, link)
    assert.equal(answer.status === 'superseded' && answer.record.chain, 'chain-2')
    assert.equal((await world.stored(link)).secret, 'secret-new')
  },

  'commit: revives a dead record of the same link (C6)': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-2')
    await world.store.fail({ ...link, attempt: 'attempt-2', reason: 'invalid_grant' })
    assert.equal((await commit(world, link)).status, 'committed')
    const record = await world.stored(link)
    assert.deepEqual([record.state, record.reason, record.generation], ['live', undefined, 2])
  },

  'commit: recreates nothing when the grant is missing': async (world) => {
    const answer = await commit(world, { ...someKey, chain: 'chain-1', generation: 1 })
    assert.equal(answer.status, 'missing')
    assert.equal((await world.store.load(someKey)).record, undefined)
  },

  'commit: repeated is committed whatever was done with the new link since': async (world) => {
    const link = await world.saved({ renewAtMs: 1 })
    const request = { ...link, attempt: 'attempt-1', next: pairOf('secret-2', { renewAtMs: 1 }) }
    await world.store.commit(request)
    const next = { ...link, generation: link.generation + 1 }
    await world.acquire(next, 'attempt-2')
    await world.store.release({ ...next, attempt: 'attempt-2', outcome: 'not-sent' })
    await world.armed(next, 'attempt-3')
    await world.store.release({ ...next, attempt: 'attempt-3', outcome: 'lost' })
    await world.store.replaceSecret({ ...next, from: 'secret-2', to: 'sealed' })
    await world.store.claimDue({ provider: link.provider, beforeMs: 1, limit: 1, holdMs: 1 })
    const answer = await world.store.commit(request)
    assert.equal(answer.status, 'committed')
    assert.deepEqual([answer.record.generation, answer.record.secret], [2, 'sealed'])
  },
}
