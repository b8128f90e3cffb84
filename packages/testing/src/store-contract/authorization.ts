import assert from 'node:assert/strict'
import type { ContractChecks } from './contract-case.js'
import { long, pairOf, someKey } from './contract-world.js'

const centuryMs = 100 * 365 * 24 * 3_600_000

export const authorizationChecks: ContractChecks = {
  'load: answers no record and the clock for a grant that was never saved': async ({ store }) => {
    const answer = await store.load(someKey)
    assert.equal(answer.record, undefined)
    assert.equal(typeof answer.nowMs, 'number')
  },

  'save: stores a live link without attempts and answers it as load does': async ({ store, stored }) => {
    const request = { ...someKey, chain: 'chain-1', generation: 1, ...pairOf('secret-1') } as const
    const { nowMs } = await store.save(request)
    const expected = { ...request, state: 'live', attempts: [], sends: 0, committedAtMs: nowMs }
    assert.deepEqual({ ...(await stored(someKey)) }, expected)
  },

  'save: stores generation 0, a grant that has no token yet': async ({ saved, stored }) => {
    await saved({ generation: 0, secret: '' })
    const record = await stored(someKey)
    assert.equal(record.generation, 0)
    assert.equal(record.secret, '')
  },

  'save: replaces another chain, whatever its lease, attempts and sends': async (world) => {
    const old = await world.saved()
    await world.armed(old, 'attempt-1')
    const fresh = await world.saved({ chain: 'chain-2', secret: 'secret-2' })
    const record = await world.stored(someKey)
    assert.deepEqual([record.chain, record.secret, record.sends], ['chain-2', 'secret-2', 0])
    assert.deepEqual(record.attempts, [])
    assert.equal((await world.acquire(fresh, 'attempt-2')).status, 'acquired')
  },

  'save: revives a dead grant with a new chain': async (world) => {
    const old = await world.saved()
    await world.acquire(old, 'attempt-1')
    await world.store.fail({ ...old, attempt: 'attempt-1', reason: 'invalid_grant' })
    await world.saved({ chain: 'chain-2' })
    const record = await world.stored(someKey)
    assert.equal(record.state, 'live')
    assert.equal(record.reason, undefined)
  },

  'save: repeated after its answer was lost leaves lease and attempt of the link alone': async (world) => {
    const link = await world.saved()
    await world.armed(link, 'attempt-1')
    await world.saved()
    assert.equal((await world.stored(link)).sends, 1)
    assert.equal((await world.acquire(link, 'attempt-2')).status, 'busy')
  },

  'save: repeated after a rotation does not bring the spent token back': async (world) => {
    const link = await world.saved()
    await world.store.commit({ ...link, attempt: 'attempt-1', next: pairOf('secret-2') })
    const request = { ...link, generation: 1, ...pairOf('secret-1') } as const
    const answer = await world.store.save({ ...request, expectedChain: 'chain-0' })
    assert.equal(answer.status, 'saved')
    assert.deepEqual([answer.record.generation, answer.record.secret], [2, 'secret-2'])
    assert.equal((await world.stored(link)).secret, 'secret-2')
  },

  'save: answers what it stored': async ({ store, stored }) => {
    const request = { ...someKey, chain: 'chain-1', generation: 1, ...pairOf('secret-1') } as const
    const answer = await store.save({ ...request, expectedChain: null })
    assert.equal(answer.status, 'saved')
    assert.deepEqual({ ...answer.record }, { ...(await stored(someKey)) })
  },

  'save: that expects another chain, or none, changes nothing': async (world) => {
    const request = { ...someKey, chain: 'late', generation: 1, ...pairOf('late') } as const
    assert.equal((await world.store.save({ ...request, expectedChain: 'chain-1' })).status, 'missing')
    assert.equal((await world.store.load(someKey)).record, undefined)
    const link = await world.saved({ chain: 'chain-2' })
    await world.armed(link, 'attempt-1')
    const before = await world.stored(link)
    for (const expectedChain of ['chain-1', null]) {
      const answer = await world.store.save({ ...request, expectedChain })
      assert.equal(answer.status, 'superseded')
      assert.deepEqual({ ...answer.record }, { ...before })
    }
    assert.deepEqual({ ...(await world.stored(link)) }, { ...before })
    assert.equal((await world.acquire(link, 'attempt-2')).status, 'busy')
  },

  'save: replaces the chain that it expects at any generation, live or dead': async (world) => {
    const link = await world.saved()
    await world.store.commit({ ...link, attempt: 'attempt-1', next: pairOf('secret-2') })
    const rotated = { ...link, generation: 2 }
    await world.acquire(rotated, 'attempt-2')
    await world.store.fail({ ...rotated, attempt: 'attempt-2', reason: 'invalid_grant' })
    await world.saved({ chain: 'chain-2', expectedChain: 'chain-1', secret: 'secret-3' })
    const record = await world.stored(link)
    assert.deepEqual([record.chain, record.state, record.secret], ['chain-2', 'live', 'secret-3'])
  },

  'save: of many that expect the same, exactly one is stored': async (world) => {
    await world.saved()
    const second = await world.second()
    const saves = Array.from({ length: 8 }, (_, i) =>
      (i % 2 ? second : world.store).save({
        ...someKey,
        chain: `new-${i}`,
        generation: 1,
        expectedChain: 'chain-1',
        ...pairOf(`secret-${i}`),
      }),
    )
    const answers = await Promise.all(saves)
    assert.equal(answers.filter(({ status }) => status === 'saved').length, 1)
  },

  'save: keeps null and far instants as they are': async ({ saved, stored }) => {
    for (const [i, expiresAtMs] of [null, Date.now() + centuryMs, 0].entries()) {
      await saved({ chain: `chain-${i}`, expiresAtMs, renewAtMs: expiresAtMs })
      const record = await stored(someKey)
      assert.deepEqual([record.expiresAtMs, record.renewAtMs], [expiresAtMs, expiresAtMs])
    }
  },

  'save: keeps secrets exactly, with quotes, unicode, control characters and 100 KB': async (world) => {
    const secrets = [
      `'"\`\\ ; DROP TABLE grants; -- $1 %s {}`,
      'Grüße 👩‍👩‍👧 \u202e \u0000 \r\n\t end',
      '{"access_token":"a","nested":{"x":[1,2]}}',
      ' leading and trailing ',
      'x'.repeat(100 * 1024),
    ]
    for (const [i, secret] of secrets.entries()) {
      const link = await world.saved({ chain: `chain-${i}`, secret })
      assert.equal((await world.stored(someKey)).secret, secret)
      await world.store.commit({ ...link, attempt: 'attempt-1', next: pairOf(`${secret}2`) })
      assert.equal((await world.stored(someKey)).secret, `${secret}2`)
    }
  },

  'load: a second handle sees what the first one stored': async (world) => {
    const link = await world.saved()
    const second = await world.second()
    assert.equal((await second.load(link)).record?.secret, 'secret-1')
    await second.commit({ ...link, attempt: 'attempt-1', next: pairOf('secret-2') })
    assert.equal((await world.stored(link)).secret, 'secret-2')
  },

  'load: answers a copy that the caller may keep': async (world) => {
    const link = await world.saved()
    const before = await world.stored(link)
    await world.acquire(link, 'attempt-1', { ttlMs: long })
    await world.arm(link, 'attempt-1')
    assert.deepEqual(before.attempts, [])
    assert.equal(before.sends, 0)
  },
}
