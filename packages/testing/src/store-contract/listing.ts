import assert from 'node:assert/strict'
import type { ContractChecks } from './contract-case.js'
import { pairOf } from './contract-world.js'

/** In the order of their UTF-8 bytes, which is not the order of JavaScript strings. */
const inByteOrder = ['"', '%', '10', '2', 'A', 'B', '_', 'a', 'ab', 'b', 'ä', '\ufb01', '\ufffd', '😀']

export const listingChecks: ContractChecks = {
  'list: gives all grants of the provider in the order of their bytes': async ({ store, saved }) => {
    for (const grantId of inByteOrder.toReversed()) await saved({ grantId })
    await saved({ provider: 'other' })
    const { records, next } = await store.list({ provider: 'contract', limit: 100 })
    assert.deepEqual(
      records.map(({ grantId }) => grantId),
      inByteOrder,
    )
    assert.equal(next, undefined)
  },

  'list: pages without leaving out or repeating any': async ({ store, saved }) => {
    for (const grantId of inByteOrder) await saved({ grantId })
    for (const limit of [1, 3, 7, 13, 14]) {
      const found: string[] = []
      let after: string | undefined
      let pages = 0
      do {
        const position = after === undefined ? {} : { after }
        const page = await store.list({ provider: 'contract', limit, ...position })
        assert.ok(page.records.length <= limit)
        found.push(...page.records.map(({ grantId }) => grantId))
        after = page.next
        pages++
      } while (after !== undefined)
      assert.deepEqual(found, inByteOrder)
      assert.equal(pages, Math.ceil(inByteOrder.length / limit))
    }
  },

  'list: goes on after an id that was removed meanwhile': async ({ store, saved }) => {
    for (const grantId of ['a', 'b', 'c']) await saved({ grantId })
    const { next } = await store.list({ provider: 'contract', limit: 2 })
    assert.equal(next, 'b')
    await store.remove({ provider: 'contract', grantId: 'b' })
    const { records } = await store.list({ provider: 'contract', limit: 2, after: 'b' })
    assert.deepEqual(
      records.map(({ grantId }) => grantId),
      ['c'],
    )
  },

  'list: filters by state': async (world) => {
    for (const grantId of ['a', 'b', 'c']) {
      const link = await world.saved({ grantId })
      if (grantId !== 'b') continue
      await world.acquire(link, 'attempt-1')
      await world.store.fail({ ...link, attempt: 'attempt-1', reason: 'invalid_grant' })
    }
    const ids = async (state: 'live' | 'dead', limit = 10) =>
      (await world.store.list({ provider: 'contract', limit, state })).records.map(({ grantId }) => grantId)
    assert.deepEqual(await ids('live'), ['a', 'c'])
    assert.deepEqual(await ids('live', 2), ['a', 'c'])
    assert.deepEqual(await ids('dead'), ['b'])
  },

  'list: gives everything of a record but its secret (P7)': async (world) => {
    const link = await world.saved({ secret: 'do-not-show' })
    await world.store.commit({ ...link, attempt: 'attempt-1', next: pairOf('do-not-show-2') })
    await world.armed({ ...link, generation: 2 }, 'attempt-2')
    const { records } = await world.store.list({ provider: 'contract', limit: 10 })
    assert.doesNotMatch(JSON.stringify(records), /do-not-show/)
    const { secret: _, ...summary } = await world.stored(link)
    assert.deepEqual({ ...records[0] }, summary)
  },
}
