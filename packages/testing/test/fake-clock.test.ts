import { type FakeClock, fakeClock } from '@evergrant/testing'
import { expect, test } from 'vitest'

function pause(clock: FakeClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimeout(resolve, ms))
}

test('starts where it is told and stands still until advanced', () => {
  const clock = fakeClock(1_000)
  expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0])
})

test('fires timers in order of their due time, each at its own time', async () => {
  const clock = fakeClock(0)
  const fired: [string, number][] = []
  clock.setTimeout(() => fired.push(['late', clock.now()]), 20)
  clock.setTimeout(() => fired.push(['early', clock.now()]), 10)
  clock.setTimeout(() => fired.push(['early, set later', clock.now()]), 10)
  await clock.advance(15)
  expect(fired).toEqual([
    ['early', 10],
    ['early, set later', 10],
  ])
  expect(clock.now()).toBe(15)
  await clock.advance(5)
  expect(fired.at(-1)).toEqual(['late', 20])
})

test('lets promises settle between timers, so that a loop of waits runs to its end', async () => {
  const clock = fakeClock(0)
  const at: number[] = []
  const loop = (async () => {
    for (let round = 0; round < 5; round += 1) {
      await pause(clock, 10)
      at.push(clock.now())
    }
  })()
  await clock.advance(100)
  await loop
  expect(at).toEqual([10, 20, 30, 40, 50])
  expect(clock.now()).toBe(100)
})

test('a cleared timer does not fire', async () => {
  const clock = fakeClock()
  let fired = false
  const timer = clock.setTimeout(() => {
    fired = true
  }, 10)
  expect(clock.pendingTimers()).toBe(1)
  clock.clearTimeout(timer)
  await clock.advance(20)
  expect([fired, clock.pendingTimers()]).toEqual([false, 0])
})

test('a delay that a real timer cannot hold fires at once, as a real one does', async () => {
  const clock = fakeClock()
  let fired = false
  clock.setTimeout(() => {
    fired = true
  }, 31_536_000_000)
  await clock.advance(0)
  expect(fired).toBe(true)
})

test('suspend moves the wall clock alone; timers fire late', async () => {
  const clock = fakeClock(0)
  const at: number[] = []
  clock.setTimeout(() => at.push(clock.now()), 10)
  clock.suspend(3_600_000)
  expect([clock.now(), clock.monotonic(), at]).toEqual([3_600_000, 0, []])
  await clock.advance(10)
  expect(at).toEqual([3_600_010])
})

test('step takes the wall clock back and leaves the monotonic one', async () => {
  const clock = fakeClock(10_000)
  await clock.advance(5)
  clock.step(-1_000)
  expect([clock.now(), clock.monotonic()]).toEqual([9_005, 5])
})
