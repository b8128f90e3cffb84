import { randomUUID } from 'node:crypto'
import type { TokenStore } from '@evergrant/core'
import { type Durations, durationsOf } from './durations.js'
import type { FilledStore } from './filled-store.js'
import { dueTimesFrom, grantIdAt, PROVIDER } from './made-up-grants.js'

/** Steps of the contract as they are timed. */
export const TIMED_STEPS = [
  'load',
  'acquire',
  'arm',
  'commit',
  'claimDue, nothing due',
  'claimDue, half due',
  'list',
] as const
export type TimedStep = (typeof TIMED_STEPS)[number]

const ROUNDS = 300
/** Prepares statements, opens connections, brings the code to speed: not counted. */
const WARM_UP = 20
const CLAIMED = 32
const DAY_MS = 86_400_000
const PAGE = 100

type Time = <T>(step: TimedStep, call: () => Promise<T>) => Promise<T>

function expect(step: TimedStep, asItShould: boolean): void {
  if (!asItShould) throw new Error(`${step} did not answer as it should`)
}

/** One rotation of a grant somewhere in the store, as core does it. */
async function rotate(store: TokenStore, n: number, time: Time): Promise<void> {
  const { record } = await time('load', () => store.load({ provider: PROVIDER, grantId: grantIdAt(n) }))
  if (record === undefined) throw new Error(`there is no ${grantIdAt(n)}`)
  const { provider, grantId, chain, generation, secret, expiresAtMs, renewAtMs } = record
  const held = { provider, grantId, chain, generation, attempt: randomUUID() }
  const acquired = await time('acquire', () => store.acquire({ ...held, ttlMs: 10_000, maxHoldMs: 60_000 }))
  expect('acquire', acquired.status === 'acquired')
  const heldSinceMs = acquired.status === 'acquired' ? acquired.heldSinceMs : 0
  const armed = await time('arm', () => store.arm({ ...held, ttlMs: 20_000, heldSinceMs }))
  expect('arm', armed.status === 'armed')
  // A day later: it moves to another place of the index of due times.
  const next = { secret, expiresAtMs, renewAtMs: (renewAtMs ?? 0) + DAY_MS }
  const committed = await time('commit', () => store.commit({ ...held, next }))
  expect('commit', committed.status === 'committed')
}

async function claim(store: TokenStore, time: Time): Promise<void> {
  const { firstMs, spreadMs } = dueTimesFrom(Date.now())
  // Held for a millisecond only, so that every call finds the same amount of due grants.
  const request = { provider: PROVIDER, limit: CLAIMED, holdMs: 1 }
  const none = await time('claimDue, nothing due', () => store.claimDue({ ...request, beforeMs: Date.now() }))
  expect('claimDue, nothing due', none.keys.length === 0)
  const beforeMs = firstMs + spreadMs / 2
  const some = await time('claimDue, half due', () => store.claimDue({ ...request, beforeMs }))
  expect('claimDue, half due', some.keys.length === CLAIMED)
}

async function readPage(store: TokenStore, n: number, time: Time): Promise<void> {
  const page = await time('list', () => store.list({ provider: PROVIDER, after: grantIdAt(n), limit: PAGE }))
  expect('list', page.records.length === PAGE)
}

export type StepTimes = Readonly<Record<TimedStep, Durations>>

function stopwatch(): { readonly time: Time; readonly times: () => StepTimes; readonly reset: () => void } {
  let took = new Map<TimedStep, number[]>()
  return {
    async time(step, call) {
      const beganMs = performance.now()
      const answer = await call()
      const list = took.get(step) ?? []
      list.push(performance.now() - beganMs)
      took.set(step, list)
      return answer
    },
    times: () =>
      Object.fromEntries(TIMED_STEPS.map((step) => [step, durationsOf(took.get(step) ?? [])])) as StepTimes,
    reset: () => {
      took = new Map()
    },
  }
}

/** Times every step on both stores in turn, call by call: what else the machine does meanwhile hits both alike. */
export async function timeSteps(few: FilledStore, many: FilledStore): Promise<[StepTimes, StepTimes]> {
  const small = stopwatch()
  const large = stopwatch()
  const lanes = [
    { ...few, ...small },
    { ...many, ...large },
  ]
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    if (round === 0) for (const { reset } of lanes) reset()
    for (const { store, grants, time } of lanes) {
      const anywhere = (upTo: number): number => 1 + Math.floor(Math.random() * (grants * upTo - 1))
      await rotate(store, anywhere(1), time)
      await claim(store, time)
      await readPage(store, anywhere(0.9) - 1, time)
    }
  }
  return [small.times(), large.times()]
}
