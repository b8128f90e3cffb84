import assert from 'node:assert/strict'
import type { TakeBudgetAnswer, TakeBudgetRequest, Timed, TokenStore } from '@evergrant/core'
import type { ContractChecks } from './contract-case.js'
import { brief, long } from './contract-world.js'

const base: Omit<TakeBudgetRequest, 'slot'> = {
  bucket: 'bucket-1',
  limit: 3,
  windowMs: 150,
  slotMs: 50,
  priority: 'caller',
  reserve: 0,
  member: 'member-1',
  waiting: 0,
}
/** Nothing is freed within a case. */
const still: Partial<TakeBudgetRequest> = { windowMs: long }

let slots = 0
const take = (store: TokenStore, over: Partial<TakeBudgetRequest> = {}): Promise<Timed<TakeBudgetAnswer>> =>
  store.takeBudget({ ...base, slot: `slot-${++slots}`, ...over })

export const budgetChecks: ContractChecks = {
  'takeBudget: grants up to the limit, each slot for slotMs, then says when to come back': async (world) => {
    const granted: number[] = []
    for (let i = 0; i < 3; i++) {
      const answer = await take(world.store, { windowMs: long })
      assert.equal(answer.status === 'granted' && answer.validUntilMs, answer.nowMs + 50)
      granted.push(answer.nowMs)
      await world.pass(2)
    }
    const answer = await take(world.store, { windowMs: long })
    assert.equal(answer.status === 'wait' && answer.untilMs, (granted[0] ?? 0) + long + 50)
  },

  'takeBudget: is free again at the instant it named, not before': async (world) => {
    for (let i = 0; i < 3; i++) await take(world.store)
    const refused = await take(world.store)
    assert.equal(refused.status, 'wait')
    const restMs = refused.untilMs - refused.nowMs
    if (world.clockIsOurs) {
      await world.pass(restMs - 1)
      assert.equal((await take(world.store)).status, 'wait')
      await world.pass(1)
    } else {
      await world.pass(restMs)
    }
    assert.equal((await take(world.store)).status, 'granted')
  },

  'takeBudget: no window holds more sends than the limit, however late slots are used (P4)': async (
    world,
  ) => {
    const grants: { atMs: number; lastUseMs: number }[] = []
    for (let tries = 0; grants.length < 8 && tries < 500; tries++) {
      const answer = await take(world.store)
      if (answer.status === 'granted') grants.push({ atMs: answer.nowMs, lastUseMs: answer.validUntilMs })
      await world.pass(7)
    }
    assert.equal(grants.length, 8, 'slots come free again')
    for (const [i, { lastUseMs }] of grants.entries()) {
      const after = grants[i + 3]
      if (after) assert.ok(after.atMs - lastUseMs >= 150, `slot ${i + 3} comes too early`)
    }
  },

  'takeBudget: is one budget for all handles': async (world) => {
    const second = await world.second()
    const answers = [
      await take(world.store, still),
      await take(second, still),
      await take(world.store, still),
      await take(second, still),
      await take(world.store, still),
    ]
    assert.equal(answers.filter(({ status }) => status === 'granted').length, 3)
  },

  'takeBudget: grants exactly the limit to many that ask at once': async (world) => {
    const second = await world.second()
    const asked = Array.from({ length: 20 }, (_, i) => take(i % 2 ? second : world.store, still))
    const answers = await Promise.all(asked)
    assert.equal(answers.filter(({ status }) => status === 'granted').length, 3)
  },

  'takeBudget: keeps the reserve free of background work': async (world) => {
    const background = { ...still, priority: 'background', reserve: 1 } as const
    const caller = { ...still, reserve: 1 }
    assert.equal((await take(world.store, background)).status, 'granted')
    assert.equal((await take(world.store, background)).status, 'granted')
    assert.equal((await take(world.store, background)).status, 'wait')
    assert.equal((await take(world.store, caller)).status, 'granted')
    assert.equal((await take(world.store, caller)).status, 'wait')
  },

  'takeBudget: grants background work nothing while a caller of any member waits': async (world) => {
    const background = { ...still, limit: 4, member: 'member-2', priority: 'background' } as const
    const caller = { ...still, limit: 2 }
    await take(world.store, { ...caller, slot: 'a' })
    await take(world.store, { ...caller, slot: 'b', waiting: 5 })
    const behind = await take(world.store, background)
    assert.deepEqual([behind.status, behind.waiting], ['wait', 5])
    assert.ok(behind.status === 'wait' && behind.untilMs > behind.nowMs)
    // One of the five is refused and waits on; then all of them are served or gone.
    assert.equal((await take(world.store, { ...caller, waiting: 4 })).status, 'wait')
    assert.equal((await take(world.store, background)).waiting, 5)
    assert.equal((await take(world.store, { ...caller, slot: 'b' })).status, 'granted')
    assert.equal((await take(world.store, background)).status, 'granted')
  },

  'takeBudget: adds up who waits in all members': async (world) => {
    const second = await world.second()
    await take(world.store, { ...still, waiting: 7 })
    const answer = await take(second, { ...still, member: 'member-2', waiting: 3 })
    assert.equal(answer.waiting, 10)
    assert.equal((await take(world.store, still)).waiting, 3)
  },

  'takeBudget: forgets who waited and never came back': async (world) => {
    await take(world.store, { waiting: 7 })
    await world.pass(2 * (base.windowMs + base.slotMs) + 1)
    assert.equal((await take(world.store, { member: 'member-2' })).waiting, 0)
  },

  'takeBudget: tells background work when enough is free for it': async (world) => {
    const background = { priority: 'background', reserve: 1 } as const
    for (let i = 0; i < 3; i++) {
      await take(world.store)
      await world.pass(10)
    }
    const refused = await take(world.store, background)
    assert.equal(refused.status, 'wait')
    await world.pass(refused.untilMs - refused.nowMs)
    assert.equal((await take(world.store, background)).status, 'granted')
  },

  'takeBudget: never grants background work when the reserve is the whole limit': async (world) => {
    const answer = await take(world.store, { priority: 'background', reserve: 3 })
    assert.equal(answer.status, 'wait')
    assert.ok(answer.untilMs > answer.nowMs)
  },

  'takeBudget: repeated with its slot exchanges it instead of taking another': async (world) => {
    const one = { ...still, limit: 1 }
    const first = await take(world.store, { ...one, slot: 'slot-a' })
    await world.pass(5)
    const again = await take(world.store, { ...one, slot: 'slot-a' })
    assert.equal(first.status, 'granted')
    assert.equal(again.status === 'granted' && again.validUntilMs, again.nowMs + 50)
    assert.ok(again.nowMs >= first.nowMs + 5)
    assert.equal((await take(world.store, { ...one, slot: 'slot-b' })).status, 'wait')
  },

  'takeBudget: buckets do not touch each other': async (world) => {
    const names = [
      'bucket',
      'bucket ',
      'Bucket',
      "b'; --",
      'b%',
      'b_',
      'b:1',
      'https://as.example/token',
      '🪣',
    ]
    for (const bucket of names) {
      const answer = await take(world.store, { ...still, bucket, limit: 1 })
      assert.equal(answer.status, 'granted', bucket)
    }
    for (const bucket of names) {
      assert.equal((await take(world.store, { ...still, bucket, limit: 1 })).status, 'wait', bucket)
    }
  },

  'penalize: nobody sends before the instant, on any handle, and then they do': async (world) => {
    const { nowMs } = await take(world.store)
    const untilMs = nowMs + brief * 3
    await world.store.penalize({ bucket: 'bucket-1', untilMs })
    const second = await world.second()
    const refused = await take(second)
    assert.equal(refused.status === 'wait' && refused.untilMs, untilMs)
    assert.equal((await take(second, { bucket: 'bucket-2' })).status, 'granted')
    await world.pass(untilMs - nowMs)
    assert.equal((await take(second)).status, 'granted')
  },

  'penalize: only ever moves the instant later': async (world) => {
    const { nowMs } = await take(world.store, { bucket: 'bucket-2' })
    for (const delayMs of [long, 1, 2 * long, long]) {
      await world.store.penalize({ bucket: 'bucket-1', untilMs: nowMs + delayMs })
    }
    const answer = await take(world.store)
    assert.equal(answer.status === 'wait' && answer.untilMs, nowMs + 2 * long)
  },

  'takeBudget: says when to look again also where the reserve leaves nothing': async (world) => {
    const background = { ...still, limit: 1, reserve: 1, priority: 'background' } as const
    const [empty, full] = [await take(world.store, background), await take(world.store, still)]
    assert.equal(full.status, 'granted')
    for (const answer of [empty, await take(world.store, background)]) {
      assert.ok(answer.status === 'wait')
      assert.ok(answer.untilMs > answer.nowMs && answer.untilMs <= answer.nowMs + long + base.slotMs)
    }
  },
}
