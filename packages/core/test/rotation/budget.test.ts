import { describe, expect, it } from 'vitest'
import { EvergrantError } from '../../src/errors.js'
import { oauth2Provider } from '../../src/provider/oauth2-provider.js'
import { budgetTerms, createBudget, type NoSlot, type Slot } from '../../src/rotation/budget.js'
import { createLine } from '../../src/rotation/line.js'
import { defaultTimings } from '../../src/rotation/timings.js'
import { memoryStore } from '../../src/store/memory-store.js'
import type { TakeBudgetRequest, TokenStore } from '../../src/store/token-store.js'
import { createStoreClock } from '../../src/time/store-clock.js'
import { type HandClock, handClock, settled } from './hand-clock.js'

/** A fleet of managers that share one budget. */
function open({ limit = 2, windowMs = 60_000 }: { limit?: number; windowMs?: number } = {}) {
  const clock = handClock()
  return { clock, store: memoryStore({ now: clock.now }), budget: { limit, windowMs } }
}

/** One manager of it. */
function member(
  {
    clock,
    store,
    budget,
  }: { clock: HandClock; store: TokenStore; budget: { limit: number; windowMs: number } },
  ids: () => string = nextId,
) {
  const facts = oauth2Provider({ id: 'p', clientId: 'c', tokenEndpoint: 'https://as.example/token', budget })
  const terms = budgetTerms(facts, 200)
  const line = createLine({ clock, width: 4, ...terms })
  const asked: TakeBudgetRequest[] = []
  const watched: TokenStore = {
    ...store,
    takeBudget(request) {
      asked.push(request)
      return store.takeBudget(request)
    },
  }
  const ctx = {
    facts,
    store: watched,
    clock,
    storeClock: createStoreClock(clock),
    questions: { asked: 0 },
    timings: defaultTimings,
    chance: { float: () => 0.5, id: ids },
    line,
  }
  return { ...createBudget(ctx, terms), line, asked, terms }
}

let ids = 0
const nextId = (): string => `id ${++ids}`

const kinds = (answers: readonly (Slot | NoSlot)[]): readonly string[] => answers.map(({ kind }) => kind)
const refused = { kind: 'stopped', why: 'budget' }

/** What has become of a question; `undefined` while it waits. */
function outcomeOf(question: Promise<unknown>): { now: unknown } {
  const outcome: { now: unknown } = { now: undefined }
  question.then(
    (value) => {
      outcome.now = value
    },
    (error: unknown) => {
      outcome.now = error
    },
  )
  return outcome
}

/** Waits as a rotation does: by the clock. */
const byTheClock =
  (clock: HandClock) =>
  (forMs: number): Promise<boolean> =>
    new Promise((resolve) => void clock.setTimeout(() => resolve(true), forMs))

describe('in one window', () => {
  it('all managers together get as many slots as the provider allows', async () => {
    const fleet = open({ limit: 3 })
    const [a, b] = [member(fleet), member(fleet)]
    const answers = await Promise.all([a, b, a, b, a].map((each) => each.take('caller')))
    expect(kinds(answers).filter((kind) => kind === 'granted')).toHaveLength(3)
  })

  it('however late in its time a slot is used, and however much faster a request travels than the one before', async () => {
    const fleet = open({ limit: 1, windowMs: 60_000 })
    const { take, terms } = member(fleet)
    const first = await take('caller')
    // Used at the end of its validity; and the provider's window is of what arrives.
    fleet.clock.pass(60_000 + terms.slotMs - 1)
    expect(await take('caller')).toMatchObject(refused)
    fleet.clock.pass(301)
    expect(kinds([first, await take('caller')])).toEqual(['granted', 'granted'])
  })

  it('a part stays free for callers: background work stops before it', async () => {
    const { take } = member(open({ limit: 20 }))
    const background = []
    for (let n = 0; n < 20; n++) background.push(await take('background'))
    expect(kinds(background).filter((kind) => kind === 'granted')).toHaveLength(18)
    expect(kinds([await take('caller'), await take('caller'), await take('caller')])).toEqual([
      'granted',
      'granted',
      'stopped',
    ])
  })
})

describe('a caller who is told to wait', () => {
  it('asks again when the time is over, and gets the next slot', async () => {
    const fleet = open({ limit: 1 })
    const { take, asked } = member(fleet)
    await take('caller')
    const waits = outcomeOf(take('caller', byTheClock(fleet.clock)))
    await settled()
    fleet.clock.pass(30_000)
    await settled()
    expect(waits.now).toBeUndefined()
    fleet.clock.pass(31_000)
    await settled()
    expect(waits.now).toMatchObject({ kind: 'granted' })
    expect(asked).toHaveLength(3)
  })

  it('spares the store the questions of those who come after: the answer is known', async () => {
    const { take, asked, line } = member(open({ limit: 1 }))
    await take('caller')
    await take('caller')
    expect(line.shutMs()).toBeGreaterThan(60_000)
    expect(await take('caller')).toMatchObject({ ...refused, forMs: line.shutMs() })
    expect(await take('background')).toMatchObject(refused)
    expect(asked).toHaveLength(2)
  })

  it('has the background work of the whole fleet behind it until it is served, also when slots are free again', async () => {
    const fleet = open({ limit: 10, windowMs: 1_000 })
    const [a, b] = [member(fleet), member(fleet)]
    for (let n = 0; n < 10; n++) await a.take('caller')
    let wake = (_: boolean): void => {}
    const waits = outcomeOf(
      a.take('caller', () => {
        return new Promise((resolve) => {
          wake = resolve
        })
      }),
    )
    await settled()
    fleet.clock.pass(1_100)
    expect(await b.take('background')).toMatchObject(refused)
    wake(true)
    await settled()
    expect(waits.now).toMatchObject({ kind: 'granted' })
    expect(await b.take('background')).toMatchObject({ kind: 'granted' })
  })

  it('and goes, or whose wait throws, is waited for no longer', async () => {
    const fleet = open({ limit: 1, windowMs: 1_000 })
    const { take, asked } = member(fleet)
    await take('caller')
    const gone = new Error('the caller has left')
    await expect(take('caller', () => Promise.reject(gone))).rejects.toBe(gone)
    expect(await take('caller', async () => false)).toMatchObject(refused)
    fleet.clock.pass(2_000)
    await take('caller')
    expect(asked.at(-1)).toMatchObject({ waiting: 0 })
  })
})

describe('a manager asks', () => {
  it('one question at a time, in the order in which they came', async () => {
    const fleet = open({ limit: 10 })
    const open_: (() => void)[] = []
    const asked: string[] = []
    const slow: TokenStore = {
      ...fleet.store,
      async takeBudget(request) {
        asked.push(request.priority)
        await new Promise<void>((resolve) => void open_.push(resolve))
        return fleet.store.takeBudget(request)
      },
    }
    const { take } = member({ ...fleet, store: slow })
    const answers = Promise.all([take('background'), take('caller'), take('background')])
    for (const before of [1, 2, 3]) {
      await settled()
      expect(asked).toHaveLength(before)
      open_[before - 1]?.()
    }
    expect(kinds(await answers)).toEqual(['granted', 'granted', 'granted'])
    expect(asked).toEqual(['background', 'caller', 'background'])
  })

  it('on, when a question before threw', async () => {
    let fails = false
    const { take } = member(open(), () => {
      if (fails) throw new Error('no entropy')
      return nextId()
    })
    fails = true
    const thrown = take('caller')
    await expect(thrown).rejects.toThrow('no entropy')
    fails = false
    expect(await take('caller')).toMatchObject({ kind: 'granted' })
  })

  it('on, when the store was away, and says that it was that', async () => {
    const fleet = open()
    const away = new EvergrantError('STORE_UNAVAILABLE', 'away')
    let isAway = true
    const store: TokenStore = {
      ...fleet.store,
      takeBudget: (request) => (isAway ? Promise.reject(away) : fleet.store.takeBudget(request)),
    }
    const { take } = member({ ...fleet, store })
    expect(await take('caller')).toEqual({ kind: 'stopped', why: 'store', error: away })
    isAway = false
    expect(await take('caller')).toMatchObject({ kind: 'granted' })
  })
})

describe('a slot', () => {
  it('that was not used is the next one of its manager, and opens the line', async () => {
    const fleet = open({ limit: 1 })
    const { take, giveBack, line } = member(fleet)
    const slot = (await take('caller')) as Slot
    await take('caller')
    expect(line.shutMs()).toBeGreaterThan(0)
    giveBack(slot)
    expect(line.shutMs()).toBe(0)
    expect(await take('caller')).toMatchObject({ kind: 'granted', id: slot.id })
  })

  it('that is out of date is exchanged for one that is not, and takes no second place in the window', async () => {
    const fleet = open({ limit: 2 })
    const { take, exchange } = member(fleet)
    const slot = (await take('caller')) as Slot
    fleet.clock.pass(1_000)
    expect(await exchange(slot)).toMatchObject({ kind: 'granted', id: slot.id })
    expect(kinds([await take('caller'), await take('caller')])).toEqual(['granted', 'stopped'])
  })
})

describe('a demand for silence', () => {
  it('is kept by every manager, also with slots left, until it is over', async () => {
    const fleet = open({ limit: 10 })
    const [a, b] = [member(fleet), member(fleet)]
    await a.silence(5_000)
    expect(await b.take('caller')).toMatchObject({ ...refused, forMs: 5_000 })
    expect(await a.take('background')).toMatchObject(refused)
    fleet.clock.pass(5_000)
    expect(await b.take('caller')).toMatchObject({ kind: 'granted' })
  })

  it('is never made shorter by a later one', async () => {
    const fleet = open({ limit: 10 })
    const { silence, take } = member(fleet)
    await silence(5_000)
    await silence(100)
    expect(await take('caller')).toMatchObject({ ...refused, forMs: 5_000 })
  })

  it('that the store did not take down is told before the next slot is asked for', async () => {
    const fleet = open({ limit: 10 })
    let fails = 2
    const store: TokenStore = {
      ...fleet.store,
      penalize: (request) =>
        fails-- > 0 ? Promise.reject(new Error('connection reset')) : fleet.store.penalize(request),
    }
    const { silence, take, asked } = member({ ...fleet, store })
    await silence(5_000)
    expect(await take('caller')).toMatchObject({ kind: 'stopped', why: 'store' })
    expect(asked).toHaveLength(0)
    expect(await take('caller')).toMatchObject({ ...refused, forMs: 5_000 })
  })
})

it('without a stated limit nobody is told to wait but by a demand for silence', async () => {
  const clock = handClock()
  const facts = oauth2Provider({ id: 'p', clientId: 'c', tokenEndpoint: 'https://as.example/token' })
  expect(budgetTerms(facts, 200)).toEqual({ limit: 1_000_000, windowMs: 1, slotMs: 200 })
  const store = memoryStore({ now: clock.now })
  const { take, silence } = member({ clock, store, budget: undefined as never })
  const answers = await Promise.all(Array.from({ length: 100 }, () => take('background')))
  expect(kinds(answers).every((kind) => kind === 'granted')).toBe(true)
  await silence(1_000)
  expect(await take('caller')).toMatchObject(refused)
})

// Keep-alive of the whole fleet stood still for two windows (simulation, seed 54893).
describe('a demand for slots', () => {
  it('is taken back when its callers were served otherwise, without a slot', async () => {
    const fleet = open({ limit: 20 })
    const [busy, idle] = [member(fleet), member(fleet)]
    let isAwaited = true
    for (let places = 0; places < 6; places++)
      busy.line.enter({ told: () => true, isAwaited: () => isAwaited, first: false })
    expect(await busy.take('caller')).toMatchObject({ kind: 'granted' })
    expect(await idle.take('background')).toMatchObject(refused)
    isAwaited = false
    fleet.clock.pass(6_100)
    await settled()
    expect(await idle.take('background')).toMatchObject({ kind: 'granted' })
    expect(busy.asked.map(({ priority, reserve }) => `${priority} ${reserve}`)).toEqual([
      'caller 2',
      'background 20',
    ])
  })

  it('stays as long as somebody waits', async () => {
    const fleet = open({ limit: 20 })
    const [busy, idle] = [member(fleet), member(fleet)]
    for (let places = 0; places < 6; places++)
      busy.line.enter({ told: () => true, isAwaited: () => true, first: false })
    await busy.take('caller')
    fleet.clock.pass(6_100)
    await settled()
    expect(await idle.take('background')).toMatchObject(refused)
    expect(busy.asked).toHaveLength(1)
  })

  it('leaves no timer when its manager is closed, nor sets one for an answer that comes later', async () => {
    const fleet = open({ limit: 1 })
    const busy = member(fleet)
    await busy.take('caller')
    await busy.take('caller')
    expect(fleet.clock.pending()).toBe(1)
    busy.end()
    expect(fleet.clock.pending()).toBe(0)
    const { id, valid } = {
      id: 'late',
      valid: { untilMs: 0, nowMs: 0, askedAt: { wallMs: 0, monotonicMs: 0 } },
    }
    await busy.exchange({ kind: 'granted', id, valid })
    expect(fleet.clock.pending()).toBe(0)
  })
})
