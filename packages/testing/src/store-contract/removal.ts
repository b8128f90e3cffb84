import assert from 'node:assert/strict'
import type { ContractChecks } from './contract-case.js'
import { brief, long, pairOf, someKey } from './contract-world.js'

export const removalChecks: ContractChecks = {
  'remove: returns the last record, so that it can be revoked': async (world) => {
    const link = await world.saved()
    await world.store.commit({ ...link, attempt: 'attempt-1', next: pairOf('secret-2') })
    const { record } = await world.store.remove(link)
    assert.deepEqual([record?.secret, record?.generation], ['secret-2', 2])
    assert.equal((await world.store.load(link)).record, undefined)
  },

  'remove: of a grant that is not there returns nothing, also when repeated': async (world) => {
    assert.equal((await world.store.remove(someKey)).record, undefined)
    await world.saved()
    await world.store.remove(someKey)
    assert.equal((await world.store.remove(someKey)).record, undefined)
  },

  'remove: every later step of a rotation under way answers missing': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    await world.store.remove(link)
    const attempt = 'attempt-1'
    const answers = [
      await world.acquire(link, attempt),
      await world.arm(link, attempt),
      await world.store.commit({ ...link, attempt, next: pairOf('secret-2') }),
      await world.store.fail({ ...link, attempt, reason: 'invalid_grant' }),
      await world.store.replaceSecret({ ...link, from: 'secret-1', to: 'sealed' }),
    ]
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map(() => 'missing'),
    )
    await world.store.release({ ...link, attempt, outcome: 'lost' })
    assert.equal((await world.store.load(link)).record, undefined)
  },

  'remove: that expects another chain removes nothing': async (world) => {
    const link = await world.saved({ chain: 'chain-2' })
    const { provider, grantId } = link
    const late = await world.store.remove({ provider, grantId, expectedChain: 'chain-1' })
    assert.equal(late.record, undefined)
    assert.equal((await world.stored(link)).chain, 'chain-2')
    const meant = await world.store.remove({ provider, grantId, expectedChain: 'chain-2' })
    assert.equal(meant.record?.chain, 'chain-2')
    assert.equal((await world.store.load(link)).record, undefined)
  },

  'remove: leaves no lease behind for the next authorization': async (world) => {
    const old = await world.saved()
    await world.armed(old, 'attempt-1')
    await world.store.remove(old)
    const fresh = await world.saved()
    assert.equal((await world.acquire(fresh, 'attempt-2')).status, 'acquired')
    assert.equal((await world.stored(fresh)).sends, 0)
  },

  'replaceSecret: swaps the text of the link and changes nothing else': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    const before = await world.stored(link)
    const answer = await world.store.replaceSecret({ ...link, from: 'secret-1', to: 'sealed' })
    assert.equal(answer.status, 'replaced')
    assert.deepEqual({ ...(await world.stored(link)) }, { ...before, secret: 'sealed' })
    assert.equal((await world.acquire(link, 'attempt-2')).status, 'busy')
    assert.equal((await world.arm(link, 'attempt-1')).status, 'armed')
  },

  'replaceSecret: answers changed when text, generation or chain is another': async (world) => {
    const link = await world.saved()
    const swap = { from: 'secret-1', to: 'sealed' }
    const requests = [
      { ...link, ...swap, from: 'secret-0' },
      { ...link, ...swap, generation: 2 },
      { ...link, ...swap, chain: 'chain-0' },
    ]
    for (const request of requests) {
      assert.equal((await world.store.replaceSecret(request)).status, 'changed')
    }
    assert.equal((await world.stored(link)).secret, 'secret-1')
  },

  'replaceSecret: works on a dead grant and does not revive it': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1')
    await world.store.fail({ ...link, attempt: 'attempt-1', reason: 'invalid_grant' })
    const answer = await world.store.replaceSecret({ ...link, from: 'secret-1', to: 'sealed' })
    assert.equal(answer.status, 'replaced')
    const record = await world.stored(link)
    assert.deepEqual([record.state, record.secret], ['dead', 'sealed'])
  },

  'replaceSecret: does not extend a lease that ends': async (world) => {
    const link = await world.saved()
    await world.acquire(link, 'attempt-1', { ttlMs: brief })
    await world.store.replaceSecret({ ...link, from: 'secret-1', to: 'sealed' })
    await world.pass(brief)
    assert.equal((await world.acquire(link, 'attempt-2', { ttlMs: long })).status, 'acquired')
  },
}
