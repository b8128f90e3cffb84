import { describe, expect, it } from 'vitest'
import { createLine, type Line } from '../../src/rotation/line.js'
import { type HandClock, handClock, settled } from './hand-clock.js'

/** One who stands in line. */
interface Guest {
  /** `undefined`: it still waits. */
  state: 'in' | 'left' | undefined
  /** How long it was told that it takes, each time. */
  readonly told: number[]
  /** Whether it stays when it is told. */
  stays: boolean
  awaited: boolean
  /** Makes room for the next. */
  go: () => void
  leave: () => void
  expectedMs: () => number
}

function open({ width = 1, limit = 10, windowMs = 1_000 } = {}): {
  clock: HandClock
  line: Line
  enter(options?: { stays?: boolean; awaited?: boolean; first?: boolean }): Guest
} {
  const clock = handClock()
  const line = createLine({ clock, width, limit, windowMs })
  return {
    clock,
    line,
    enter({ stays = true, awaited = true, first = false } = {}) {
      const guest = { state: undefined, told: [], stays, awaited } as unknown as Guest
      const place = line.enter({
        told(forMs) {
          guest.told.push(forMs)
          return guest.stays
        },
        isAwaited: () => guest.awaited,
        first,
      })
      guest.leave = place.leave
      guest.expectedMs = place.expectedMs
      void place.entered.then((go) => {
        guest.state = go ? 'in' : 'left'
        if (go) guest.go = go
      })
      return guest
    },
  }
}

const states = (guests: readonly Guest[]) => guests.map(({ state }) => state)

describe('the line lets in', () => {
  it('as many as it is wide, and the others in the order in which they came', async () => {
    const { enter } = open({ width: 2 })
    const guests = [enter(), enter(), enter(), enter()] as const
    await settled()
    expect(states(guests)).toEqual(['in', 'in', undefined, undefined])
    guests[1].go()
    await settled()
    expect(states(guests)).toEqual(['in', 'in', 'in', undefined])
    guests[0].go()
    await settled()
    expect(guests[3].state).toBe('in')
  })

  it('before all others who had its turn already', async () => {
    const { enter } = open()
    const inside = enter()
    await settled()
    const [waits, again] = [enter(), enter({ first: true })]
    inside.go()
    await settled()
    expect(states([waits, again])).toEqual([undefined, 'in'])
  })

  it('one for each who goes, however often that one says that it goes', async () => {
    const { enter } = open()
    const inside = enter()
    await settled()
    const guests = [enter(), enter()]
    inside.go()
    inside.go()
    await settled()
    expect(states(guests)).toEqual(['in', undefined])
  })

  it('the next in place of one who left while waiting', async () => {
    const { enter } = open()
    const inside = enter()
    await settled()
    const guests = [enter(), enter()] as const
    guests[0].leave()
    inside.go()
    await settled()
    expect(states(guests)).toEqual(['left', 'in'])
  })

  it('nobody twice: to leave when one is in does nothing', async () => {
    const { enter } = open()
    const inside = enter()
    await settled()
    inside.leave()
    const next = enter()
    await settled()
    expect(states([inside, next])).toEqual(['in', undefined])
  })
})

describe('the length of the line', () => {
  it('counts those for whom a caller waits now, and neither background work nor who is in', async () => {
    const { line, enter } = open()
    enter()
    await settled()
    const background = enter({ awaited: false })
    const caller = enter()
    expect(line.length()).toBe(1)
    background.awaited = true
    expect(line.length()).toBe(2)
    caller.leave()
    expect(line.length()).toBe(1)
  })
})

describe('a line that is shut', () => {
  it('lets nobody in until the time is over, then by itself', async () => {
    const { clock, line, enter } = open()
    line.shutFor(500)
    const guest = enter()
    clock.pass(499)
    await settled()
    expect({ state: guest.state, shutMs: line.shutMs() }).toEqual({ state: undefined, shutMs: 1 })
    clock.pass(1)
    await settled()
    expect({ state: guest.state, shutMs: line.shutMs() }).toEqual({ state: 'in', shutMs: 0 })
    expect(clock.pending()).toBe(0)
  })

  it('tells everyone who waits and everyone who comes how many windows it takes at least', async () => {
    const { line, enter } = open({ limit: 2, windowMs: 1_000 })
    enter()
    await settled()
    const guests = [enter(), enter(), enter()]
    line.shutFor(300)
    guests.push(enter(), enter())
    expect(guests.map(({ told }) => told)).toEqual([[300], [300], [1_300], [1_300], [2_300]])
    expect(guests.map(({ expectedMs }) => expectedMs())).toEqual([300, 300, 1_300, 1_300, 2_300])
  })

  it('is left by who cannot wait that long, be it told while waiting or on entering', async () => {
    const { clock, line, enter } = open()
    enter()
    await settled()
    const hurried = enter({ stays: false })
    const patient = enter()
    line.shutFor(300)
    const late = enter({ stays: false })
    await settled()
    expect(states([hurried, patient, late])).toEqual(['left', undefined, 'left'])
    patient.leave()
    // Nobody is there any more for whom it would be opened.
    expect(clock.pending()).toBe(0)
  })

  it('opens at once when something is left after all', async () => {
    const { clock, line, enter } = open()
    line.shutFor(60_000)
    const guest = enter()
    line.reopen()
    await settled()
    expect(guest.state).toBe('in')
    expect(clock.pending()).toBe(0)
  })

  it('does not open earlier because somebody inside makes room', async () => {
    const { clock, line, enter } = open()
    const inside = enter()
    await settled()
    const guest = enter()
    line.shutFor(500)
    inside.go()
    await settled()
    expect(guest.state).toBeUndefined()
    clock.pass(500)
    await settled()
    expect(guest.state).toBe('in')
  })

  it('opens also when one who is told throws', async () => {
    const { clock, line, enter } = open()
    const inside = enter()
    await settled()
    const throwing = line.enter({
      told() {
        throw new Error('told')
      },
      isAwaited: () => true,
      first: false,
    })
    const guest = enter()
    expect(() => line.shutFor(500)).toThrow('told')
    throwing.leave()
    inside.go()
    clock.pass(500)
    await settled()
    expect(guest.state).toBe('in')
  })
})
