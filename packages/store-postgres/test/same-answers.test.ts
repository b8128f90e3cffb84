import { type GrantKey, type GrantRecord, memoryStore, type TokenStore } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { postgresStore } from '../src/index.js'
import { serverIsThere, useDatabase } from './database.js'

/** mulberry32: the same seed, the same requests. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

type Call = [keyof TokenStore, Record<string, unknown>]

/** Requests close enough to each other to meet in every branch of every step. */
function randomCalls(
  random: () => number,
  recordOf: (key: GrantKey) => GrantRecord | undefined,
  holds: readonly number[],
): () => Call {
  const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const times = () => pick(null, 0, 1_000, 2_000.5, 4e12)
  const pair = () => ({ secret: pick('a', 'b', 'nul \0 "'), expiresAtMs: times(), renewAtMs: times() })
  const key = () => ({ provider: pick('p', 'p', 'p', 'q'), grantId: pick('g', 'g', 'g', 'h') })
  const link = () => {
    const its = key()
    const { chain, generation } = recordOf(its) ?? { chain: 'c', generation: 1 }
    if (random() < 0.7) return { ...its, chain, generation }
    return { ...its, chain: pick('c', 'c', 'd'), generation: pick(generation - 1, generation, 3) }
  }
  let latest = 'a-0'
  const attempt = () => {
    if (random() < 0.4) latest = `a-${Math.floor(random() * 12)}`
    return { attempt: latest }
  }
  const ttl = () => ({ ttlMs: pick(0, 5, 60_000, 60_000), maxHoldMs: pick(1, 60_000, 60_000) })
  const hold = () => ({ heldSinceMs: holds.at(random() < 0.8 ? -1 : -2) ?? 0 })
  const budget = () => ({
    bucket: pick('b', 'c'),
    slot: pick('s1', 's2', 's3', 's4', 's5', 's6'),
    limit: pick(1, 2, 4),
    windowMs: pick(5, 30, 60_000),
    slotMs: pick(0, 5, 50),
    priority: pick('caller', 'background'),
    reserve: pick(0, 1, 4),
    member: pick('m1', 'm2', 'm3'),
    waiting: pick(0, 0, 0, 2),
  })
  const makers: readonly (() => Call)[] = [
    () => ['load', key()],
    () => [
      'save',
      {
        ...key(),
        chain: pick('c', 'c', 'c', 'c', 'c', 'd'),
        generation: pick(0, 1),
        ...pair(),
        ...pick({}, {}, { expectedChain: null }, { expectedChain: 'c' }, { expectedChain: 'd' }),
      },
    ],
    () => ['acquire', { ...link(), ...attempt(), ...ttl() }],
    () => ['acquire', { ...link(), ...attempt(), ...ttl() }],
    () => ['arm', { ...link(), ...attempt(), ttlMs: pick(0, 2, 60_000), ...hold() }],
    () => ['arm', { ...link(), ...attempt(), ttlMs: pick(0, 2, 60_000), ...hold() }],
    () => ['release', { ...link(), ...attempt(), outcome: pick('not-sent', 'lost', 'lost', 'refused') }],
    () => ['release', { ...link(), ...attempt(), outcome: pick('not-sent', 'lost', 'lost', 'refused') }],
    () => (random() < 0.4 ? ['commit', { ...link(), ...attempt(), next: pair() }] : ['load', key()]),
    () => ['fail', { ...link(), ...attempt(), reason: pick('invalid_grant', 'x"\0') }],
    () => ['replaceSecret', { ...link(), from: pick('a', 'b'), to: pick('a', 'c') }],
    () => (random() < 0.1 ? ['remove', { ...key(), ...pick({}, { expectedChain: 'c' }) }] : ['load', key()]),
    () => ['takeBudget', budget()],
    () => ['takeBudget', budget()],
    () =>
      random() < 0.1 ? ['penalize', { bucket: pick('b', 'c'), untilMs: Date.now() + 5 }] : ['load', key()],
    () => ['list', { provider: 'p', limit: pick(1, 2, 9), state: pick(undefined, 'live', 'dead') }],
  ]
  return () => pick(...makers)()
}

describe.skipIf(!serverIsThere)('every step', () => {
  const database = useDatabase()

  it('answers exactly what the steps of core answer, whatever came before', async () => {
    const pool = database.pool({ max: 1 })
    const store = postgresStore({ pool, listen: false })
    const statuses = new Set<string>()
    const seed = Number(process.env.SEED ?? Date.now() % 1e6)
    console.log(`same answers: SEED=${seed}`)
    let nowMs = 0
    const model = memoryStore({ now: () => nowMs })
    const stored = new Map<string, GrantRecord | undefined>()
    const holds: number[] = []
    const next = randomCalls(chance(seed), ({ provider, grantId }) => stored.get(provider + grantId), holds)
    const all = [
      ...['acquired', 'busy', 'superseded', 'missing'].map((status) => `acquire ${status}`),
      ...['armed', 'not-holder', 'superseded', 'missing'].map((status) => `arm ${status}`),
      ...['saved', 'superseded', 'missing'].map((status) => `save ${status}`),
      ...['committed', 'superseded', 'missing'].map((status) => `commit ${status}`),
      ...['failed', 'not-holder', 'superseded', 'missing'].map((status) => `fail ${status}`),
      ...['replaced', 'changed', 'missing'].map((status) => `replaceSecret ${status}`),
      ...['granted', 'wait'].map((status) => `takeBudget ${status}`),
    ]
    for (let i = 0; i < 2_000 || (statuses.size < all.length && i < 20_000); i++) {
      const [method, request] = next()
      type Answer = { nowMs?: number; status?: string; heldSinceMs?: number }
      type Step = (request: object) => Promise<Answer | undefined>
      const answer = await (store[method] as unknown as Step)(request)
      // The model decides at the instant at which the server did.
      nowMs = answer?.nowMs ?? nowMs
      const expected = await (model[method] as unknown as Step)(request)
      expect(answer, `SEED=${seed}, call ${i}: ${method} ${JSON.stringify(request)}`).toEqual(expected)
      for (const provider of ['p', 'q']) {
        for (const grantId of ['g', 'h']) {
          stored.set(provider + grantId, (await model.load({ provider, grantId })).record)
        }
      }
      if (answer?.heldSinceMs !== undefined) holds.push(answer.heldSinceMs)
      if (answer?.status !== undefined) statuses.add(`${method} ${answer.status}`)
    }
    expect([...statuses].sort()).toEqual(all.sort())
  })
})
