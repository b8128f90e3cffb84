import { type GrantRecord, memoryStore, type TokenStore } from '@evergrant/core'
import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { startRedis } from '@evergrant/store-tests/redis-server'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ConnectedStore, connectIoredis, connectNodeRedis } from './clients.js'

/** mulberry32 */
function seeded(seed: number): <T>(...choices: readonly T[]) => T {
  let state = seed
  return (...choices) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return choices[((mixed ^ (mixed >>> 14)) >>> 0) % choices.length]!
  }
}

interface Step {
  readonly method: Exclude<keyof TokenStore, 'watch'>
  readonly request: object
}

/** A random step on few grants and attempts, so that they meet; mostly on what is stored. */
function randomStep(
  pick: ReturnType<typeof seeded>,
  known: ReadonlyMap<string, GrantRecord>,
  holds: readonly number[],
  i: number,
): Step {
  const key = { provider: pick('p', 'p', 'p:q'), grantId: pick('a', 'ä;{x} y') }
  const stored = known.get(JSON.stringify(key))
  const link = {
    ...key,
    chain: pick(
      stored?.chain ?? 'c-0',
      stored?.chain ?? 'c-0',
      stored?.chain ?? 'c-0',
      stored?.chain ?? 'c-0',
      'c-1',
    ),
    generation: Math.max(0, (stored?.generation ?? 1) + pick(0, 0, 0, 0, 0, -1, 1)),
  }
  const pair = { secret: `s ${i}`, expiresAtMs: pick(null, i), renewAtMs: pick(null, i, i / 3, 1e15 + i) }
  const attempt = pick('x', 'y', 'y z;%', 'w')
  const step = { ...link, attempt }
  const heldSinceMs = pick(holds.at(-1), holds.at(-1), holds.at(-2)) ?? 0
  const times = { ttlMs: pick(0, 3, 60_000, 0.5), maxHoldMs: pick(2, 60_000) }
  const waiting = { member: pick('m', 'n'), waiting: pick(0, 0, 0, 2), reserve: pick(0, 1, 5) }
  const window = { limit: pick(1, 2, 4), windowMs: pick(4, 15, 60_000), slotMs: pick(1, 3) }
  return pick<Step>(
    { method: 'load', request: key },
    {
      method: 'save',
      request: {
        ...key,
        ...pair,
        chain: pick(`c-${i}`, link.chain, link.chain, link.chain),
        generation: pick(0, 1),
        ...pick<object>({}, { expectedChain: null }, { expectedChain: stored?.chain ?? 'c-0' }),
      },
    },
    { method: 'acquire', request: { ...step, ...times } },
    { method: 'acquire', request: { ...step, ...times, ttlMs: 60_000 } },
    { method: 'arm', request: { ...step, ttlMs: pick(1, 60_000), heldSinceMs } },
    { method: 'arm', request: { ...step, ttlMs: 60_000, heldSinceMs } },
    { method: 'acquire', request: { ...step, ttlMs: 60_000, maxHoldMs: 60_000 } },
    { method: 'arm', request: { ...step, ttlMs: 2, heldSinceMs } },
    { method: 'release', request: { ...step, outcome: pick('not-sent', 'lost', 'refused') } },
    { method: 'commit', request: { ...step, next: pair } },
    { method: 'fail', request: { ...step, reason: pick('invalid_grant', '') } },
    {
      method: 'replaceSecret',
      request: { ...link, from: pick(stored?.secret ?? '', stored?.secret ?? '', 's'), to: 'sealed' },
    },
    { method: 'remove', request: { ...key, ...pick<object>({}, { expectedChain: 'c-0' }) } },
    {
      method: 'takeBudget',
      request: {
        bucket: pick('u', 'v{}'),
        slot: pick(`k${i}`, 'k'),
        ...window,
        ...waiting,
        priority: pick('caller', 'background'),
      },
    },
    { method: 'penalize', request: { bucket: pick('u', 'v{}'), untilMs: Date.now() + pick(-5, 3) } },
    {
      method: 'claimDue',
      request: {
        provider: key.provider,
        beforeMs: pick(Date.now(), 2e15, Number.POSITIVE_INFINITY),
        // Two that were claimed at once until an instant that is over would be due since then, in any order.
        ...pick({ limit: 1, holdMs: -1 }, { limit: 1, holdMs: 1e9 }, { limit: 100, holdMs: 1e9 }),
      },
    },
    {
      method: 'list',
      request: {
        provider: key.provider,
        limit: pick(1, 2, 5, Number.POSITIVE_INFINITY),
        ...pick({}, { state: 'live' }, { state: 'dead' }, { after: 'a' }),
      },
    },
  )
}

/** Stands for what the acquire before it was answered. */
const LATEST_HOLD = -1

/** A few steps of one attempt after the other: what single steps rarely come to. */
function rotationSteps(
  pick: ReturnType<typeof seeded>,
  known: ReadonlyMap<string, GrantRecord>,
  i: number,
): Step[] {
  const link = pick(...known.values(), undefined)
  if (!link) return []
  const { provider, grantId, chain, generation } = link
  const request = { provider, grantId, chain, generation, attempt: pick('x', 'y', 'y z;%', 'w') }
  const long = { ttlMs: 60_000, maxHoldMs: 60_000 }
  const other = { ...request, attempt: 'v', reason: 'r', outcome: 'lost', ...long }
  const next = { ...other, generation: generation + 1 }
  const commit = { ...request, next: { secret: 'next', expiresAtMs: null, renewAtMs: i + 0.5 } }
  const first: Step[] = [
    { method: 'acquire', request: { ...request, ...long } },
    { method: 'arm', request: { ...request, ttlMs: 60_000, heldSinceMs: LATEST_HOLD } },
    { method: 'release', request: { ...request, outcome: pick('not-sent', 'lost', 'lost', 'refused') } },
    { method: 'acquire', request: other },
  ]
  const second = pick<Step[]>(
    [{ method: pick('fail', 'release', 'load'), request: other }],
    // Its answer was lost: it is repeated when the next rotation has begun.
    [
      { method: 'commit', request: commit },
      { method: 'acquire', request: next },
      { method: pick('release', 'fail', 'load'), request: next },
      { method: 'commit', request: commit },
    ],
  )
  return [...first, ...second, { method: 'load', request: { provider, grantId } }]
}

type Call = (request: object) => Promise<{ readonly nowMs?: number } | undefined>
const callOf = (store: TokenStore, { method }: Step): Call => store[method].bind(store) as unknown as Call

describeWithRedis('the Lua steps', () => {
  const open: ConnectedStore[] = []
  beforeAll(async () => {
    const server = await startRedis()
    open.push(await connectNodeRedis([server]), await connectIoredis([server]))
  })
  afterAll(() => Promise.all(open.map((each) => each.close())))

  const answered = new Set<string>()

  it.each([1, 2, 3, 4])('answer as the pure steps of core do, random run %i', async (seed) => {
    const pick = seeded(seed)
    let nowMs = 0
    const model = memoryStore({ now: () => nowMs })
    const { storeWith } = open[seed % 2]!
    const store = storeWith({ prefix: `run-${seed}` })
    const known = new Map<string, GrantRecord>()
    const holds: number[] = []
    for (let i = 0; i < 600; i++) {
      const steps = i % 5 === 0 ? rotationSteps(pick, known, i) : [randomStep(pick, known, holds, i)]
      for (const { method, request: drawn } of steps) {
        const latest = 'heldSinceMs' in drawn && drawn.heldSinceMs === LATEST_HOLD
        const step = { method, request: latest ? { ...drawn, heldSinceMs: holds.at(-1) ?? 0 } : drawn }
        // Each answer says by which clock it was decided: the model decides by the same.
        const answer = await callOf(store, step)(step.request)
        nowMs = answer?.nowMs ?? Date.now()
        const expected = await callOf(model, step)(step.request)
        expect(answer, `step ${i}: ${JSON.stringify(step)}`).toEqual(expected)
        answered.add(`${step.method} ${(answer as { status?: string } | undefined)?.status ?? ''}`)
        const hold = (answer as { readonly heldSinceMs?: number } | undefined)?.heldSinceMs
        if (hold !== undefined) holds.push(hold)
        const record = (answer as { readonly record?: GrantRecord } | undefined)?.record
        if (record) known.set(JSON.stringify({ provider: record.provider, grantId: record.grantId }), record)
      }
    }
  })

  it('met every answer that there is', () => {
    const statuses = {
      save: ['saved', 'superseded', 'missing'],
      acquire: ['acquired', 'busy', 'superseded', 'missing'],
      arm: ['armed', 'not-holder', 'superseded', 'missing'],
      commit: ['committed', 'superseded', 'missing'],
      fail: ['failed', 'not-holder', 'superseded', 'missing'],
      replaceSecret: ['replaced', 'changed', 'missing'],
      takeBudget: ['granted', 'wait'],
    }
    for (const [method, all] of Object.entries(statuses)) {
      for (const status of all) expect(answered).toContain(`${method} ${status}`)
    }
  })
})
