import { memoryStore, type TokenStore } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { storeContract } from '../../src/index.js'

type Defect = (sound: TokenStore, handle: 'first' | 'second') => Partial<TokenStore>

/** Names of the cases that a memory store with this defect fails. */
async function caughtBy(defect: Defect): Promise<string[]> {
  const cases = storeContract({
    async open() {
      let nowMs = 1_800_000_000_000
      const sound = memoryStore({ now: () => nowMs })
      const first = { ...sound, ...defect(sound, 'first') }
      const second = { ...sound, ...defect(sound, 'second') }
      const advance = (ms: number) => {
        nowMs += ms
      }
      return { store: first, openSecond: async () => second, advance, close: async () => {} }
    },
  })
  const results = await Promise.allSettled(cases.map(({ run }) => run()))
  return cases.flatMap(({ name }, i) => (results[i]?.status === 'rejected' ? [name] : []))
}

/** What somebody could well get wrong in a store, with a case that must catch it. */
const defects: Readonly<Record<string, readonly [Defect, string]>> = {
  'commit compares the generation and not the chain': [
    (sound) => ({
      async commit(request) {
        const { record } = await sound.load(request)
        return sound.commit({ ...request, chain: record?.chain ?? request.chain })
      },
    }),
    'commit: is superseded by a new authorization of the same generation (C1)',
  ],
  'commit reads, then writes': [
    (sound) => ({
      async commit(request) {
        const { record, nowMs } = await sound.load(request)
        await new Promise(setImmediate)
        const answer = await sound.commit(request)
        if (record?.chain !== request.chain || record.generation !== request.generation) return answer
        return { status: 'committed', record: { ...record, generation: record.generation + 1 }, nowMs }
      },
    }),
    'commit: of many at once from one link exactly one is stored (P1)',
  ],
  'commit wants the lease': [
    (sound) => ({
      async commit(request) {
        const lease = await sound.acquire({ ...request, ttlMs: 1, maxHoldMs: 1 })
        const { record, nowMs } = await sound.load(request)
        if (lease.status === 'busy' && record) return { status: 'superseded', record, nowMs }
        return sound.commit(request)
      },
    }),
    'commit: is accepted after another holder armed, who then finds it (C3)',
  ],
  'fail asks for no lease': [
    (sound) => {
      let failed = false
      return {
        async fail(request) {
          const answer = await sound.fail(request)
          failed ||= answer.status === 'not-holder'
          return answer.status === 'not-holder' ? { ...answer, status: 'failed' } : answer
        },
        async load(key) {
          const { record, nowMs } = await sound.load(key)
          return { record: record && failed ? { ...record, state: 'dead' } : record, nowMs }
        },
      }
    },
    'fail: answers not-holder while another attempt holds the lease (C7)',
  ],
  'arm forgets that leases end': [
    (sound) => ({
      async arm(request) {
        const answer = await sound.arm(request)
        if (answer.status !== 'not-holder') return answer
        return { status: 'armed', untilMs: answer.nowMs + request.ttlMs, nowMs: answer.nowMs }
      },
    }),
    'arm: answers not-holder after the lease ended',
  ],
  'a repeated save starts again': [
    (sound) => ({
      async save(request) {
        const { provider, grantId } = request
        await sound.remove({ provider, grantId })
        return sound.save({ ...request, expectedChain: null })
      },
    }),
    'save: repeated after a rotation does not bring the spent token back',
  ],
  'save does not look at what it expects': [
    (sound) => ({
      save: ({ expectedChain: _, ...request }) => sound.save(request),
    }),
    'save: that expects another chain, or none, changes nothing',
  ],
  'remove does not look at what it expects': [
    (sound) => ({
      remove: ({ expectedChain: _, ...key }) => sound.remove(key),
    }),
    'remove: that expects another chain removes nothing',
  ],
  'release forgets who committed': [
    (sound) => {
      let released = false
      return {
        async release(request) {
          await sound.release(request)
          released = true
        },
        async commit(request) {
          const answer = await sound.commit(request)
          const repeated = answer.status === 'committed' && released
          return repeated ? { ...answer, status: 'superseded' } : answer
        },
      }
    },
    'commit: repeated is committed whatever was done with the new link since',
  ],
  'fail forgets the attempts of others': [
    (sound) => {
      let failed = false
      return {
        async fail(request) {
          const answer = await sound.fail(request)
          failed ||= answer.status === 'failed'
          return answer
        },
        async load(key) {
          const { record, nowMs } = await sound.load(key)
          return { record: record && failed ? { ...record, attempts: [] } : record, nowMs }
        },
      }
    },
    'fail: keeps the attempts of others',
  ],
  'a wait for the reserve never ends': [
    (sound) => ({
      async takeBudget(request) {
        const answer = await sound.takeBudget(request)
        const never = answer.status === 'wait' && request.reserve >= request.limit
        return never ? { ...answer, untilMs: Number.POSITIVE_INFINITY } : answer
      },
    }),
    'takeBudget: says when to look again also where the reserve leaves nothing',
  ],
  'a claim that came to nothing goes first again': [
    (sound) => ({
      async claimDue(request) {
        const { records } = await sound.list({ provider: request.provider, limit: 100 })
        const earliest = records
          .toSorted((a, b) => Number(a.renewAtMs) - Number(b.renewAtMs))
          .slice(0, request.limit)
          .map(({ grantId }) => grantId)
        const { keys, nowMs } = await sound.claimDue({ ...request, limit: 100 })
        return { keys: keys.filter(({ grantId }) => earliest.includes(grantId)), nowMs }
      },
    }),
    'claimDue: who was claimed in vain comes after those who have waited',
  ],
  'remove leaves the row behind': [
    (sound) => ({
      async remove(key) {
        const { record } = await sound.load(key)
        return { record }
      },
    }),
    'remove: wins in acquire arm | commit',
  ],
  'each handle has a budget of its own': [
    (sound, handle) => ({
      takeBudget: (request) => sound.takeBudget({ ...request, bucket: `${handle} ${request.bucket}` }),
    }),
    'takeBudget: is one budget for all handles',
  ],
  'the budget forgets how late a slot may be used': [
    (sound) => ({
      async takeBudget(request) {
        const answer = await sound.takeBudget({ ...request, slotMs: 0 })
        if (answer.status === 'wait') return answer
        return { ...answer, validUntilMs: answer.validUntilMs + request.slotMs }
      },
    }),
    'takeBudget: no window holds more sends than the limit, however late slots are used (P4)',
  ],
  'claims are not kept': [
    (sound) => ({ claimDue: (request) => sound.claimDue({ ...request, holdMs: 0 }) }),
    'claimDue: sweepers at the same time never get the same rows',
  ],
  'list shows the secret': [
    (sound) => ({
      async list(request) {
        const page = await sound.list(request)
        const whole = page.records.map(async (record) => (await sound.load(record)).record ?? record)
        return { ...page, records: await Promise.all(whole) }
      },
    }),
    'list: gives everything of a record but its secret (P7)',
  ],
  'keys run provider and id together': [
    (sound) => ({
      load: async ({ provider, grantId }) => {
        const key = { provider: 'all', grantId: `${provider}:${grantId}` }
        const { record, nowMs } = await sound.load(key)
        return { record: record && { ...record, provider, grantId }, nowMs }
      },
      save: (request) =>
        sound.save({ ...request, provider: 'all', grantId: `${request.provider}:${request.grantId}` }),
    }),
    'ids: provider and grant id never run together',
  ],
  'other handles hear nothing': [
    (_sound, handle) => (handle === 'first' ? { watch: async () => async () => {} } : {}),
    'watch: reports a commit through a second handle',
  ],
}

describe('storeContract catches a store in which', { concurrent: true }, () => {
  for (const [what, [defect, name]] of Object.entries(defects)) {
    it(what, async () => {
      const caught = await caughtBy(defect)
      expect(caught).toContain(name)
    })
  }
})

it('storeContract finds nothing in a sound store', async () => {
  expect(await caughtBy(() => ({}))).toEqual([])
})
