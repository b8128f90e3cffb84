import type { Chance, Clock } from '@evergrant/core'
import type { SimEvent } from '../time/event-queue.js'
import type { Scheduler } from '../time/scheduler.js'
import type { SeededChance } from '../time/seeded-chance.js'
import type { Machine } from './machine.js'

/** What may befall a process at a delivery. Returns whether it was struck: then the delivery waits or is dropped. */
export type Strike = (process: SimProcess, label: string) => void

/**
 * A process of the fleet. Everything that reaches it (timers, answers, replies, calls) passes one gate: frozen, it
 * waits there; crashed, it is dropped for ever.
 */
export interface SimProcess {
  readonly name: string
  readonly machine: Machine
  readonly clock: Clock
  readonly chance: Chance
  readonly state: 'running' | 'frozen' | 'dead'
  /** Operations that wait for an answer: what a crash would cut off. */
  pending: number
  readonly timers: number
  /** Intervals of true time in which it stood still. */
  readonly freezes: readonly { readonly fromMs: number; readonly toMs: number }[]
  readonly diedAtMs: number | undefined
  /** Delivers through the gate after this long. */
  post(delayMs: number, label: string, run: () => void): void
  freeze(): void
  /** Returns how many deliveries had waited. */
  thaw(): number
  crash(): void
  /** No strike any more. */
  spare(): void
}

interface Held {
  readonly label: string
  readonly run: () => void
  /** Timers run before sockets are read, as in Node's event loop. */
  readonly timerDueMs: number | undefined
}

const nothing = (): void => {}

/** Beyond this a timer fires at once. */
const MAX_TIMER_MS = 2_147_483_647

export interface ProcessOptions {
  readonly name: string
  readonly machine: Machine
  readonly time: Scheduler
  readonly chance: SeededChance
  readonly strike: Strike
  readonly newId: () => string
  /** Told of a delay that no timer can hold. */
  readonly overlongTimer: (process: SimProcess) => void
}

export function createProcess(options: ProcessOptions): SimProcess {
  const { machine, time, chance } = options
  let state: SimProcess['state'] = 'running'
  let held: Held[] = []
  let struck: Strike | undefined = options.strike
  let timers = 0
  let diedAtMs: number | undefined
  const freezes: { fromMs: number; toMs: number }[] = []

  function deliver(each: Held): void {
    if (state === 'dead') return
    if (state === 'running') struck?.(process, each.label)
    // The strike may have changed it.
    if ((state as SimProcess['state']) === 'frozen') held.push(each)
    else if ((state as SimProcess['state']) === 'running') each.run()
  }

  function startTimer(run: () => void, delayMs: number): { event: SimEvent; cancelled: boolean } {
    if (delayMs > MAX_TIMER_MS) options.overlongTimer(process)
    const wholeMs = delayMs > MAX_TIMER_MS || !(delayMs >= 1) ? 1 : Math.trunc(delayMs)
    const dueMs = machine.monotonicMs() + wholeMs
    const timer = { event: undefined as unknown as SimEvent, cancelled: false }
    timers += 1
    const fire = (): void => {
      if (timer.cancelled || state === 'dead') return
      timer.cancelled = true
      timers -= 1
      run()
    }
    function arrive(): void {
      if (timer.cancelled) return
      // The machine slept meanwhile: for its timers that time has not passed.
      if (state === 'running' && machine.monotonicMs() < dueMs - 0.001) {
        timer.event = time.at(machine.trueAt(dueMs), 'timer', arrive)
      } else deliver({ label: 'timer', run: asleepOr(fire), timerDueMs: dueMs })
    }
    /** Held while the machine slept, it may not be due yet when it wakes. */
    const asleepOr = (then: () => void) => (): void => {
      if (machine.monotonicMs() < dueMs - 0.001) arrive()
      else then()
    }
    timer.event = time.at(machine.trueAt(dueMs), 'timer', arrive)
    return timer
  }

  const process: SimProcess = {
    name: options.name,
    machine,
    clock: {
      now: machine.wallMs,
      monotonic: machine.monotonicMs,
      setTimeout: startTimer,
      clearTimeout(handle) {
        const timer = handle as ReturnType<typeof startTimer> | undefined
        if (!timer || timer.cancelled) return
        timer.cancelled = true
        timer.event.cancelled = true
        // It stays in the queue until its time: what it would have run must not.
        timer.event.run = nothing
        timers -= 1
      },
    },
    chance: { float: chance.float, id: options.newId },
    get state() {
      return state
    },
    pending: 0,
    get timers() {
      return timers
    },
    freezes,
    get diedAtMs() {
      return diedAtMs
    },
    post(delayMs, label, run) {
      time.after(delayMs, label, () => deliver({ label, run, timerDueMs: undefined }))
    },
    freeze() {
      if (state !== 'running') return
      state = 'frozen'
      freezes.push({ fromMs: time.nowMs, toMs: Number.POSITIVE_INFINITY })
    },
    thaw() {
      if (state !== 'frozen') return 0
      state = 'running'
      const last = freezes.at(-1)
      if (last) last.toMs = time.nowMs
      const waiting = held
      held = []
      const inOrder = [
        ...waiting
          .filter((each) => each.timerDueMs !== undefined)
          .sort((a, b) => (a.timerDueMs ?? 0) - (b.timerDueMs ?? 0)),
        ...waiting.filter((each) => each.timerDueMs === undefined),
      ]
      for (const [index, each] of inOrder.entries()) {
        time.inOrder(time.nowMs, -1 + index / (inOrder.length + 1), each.label, () => deliver(each))
      }
      return inOrder.length
    },
    crash() {
      state = 'dead'
      diedAtMs = time.nowMs
      held = []
      timers = 0
    },
    spare() {
      struck = undefined
    },
  }
  return process
}
