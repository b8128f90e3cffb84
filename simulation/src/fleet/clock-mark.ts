import type { Scheduler } from '../time/scheduler.js'
import type { SimProcess } from './sim-process.js'

/** An instant as a process saw it, and as it was. */
export interface ClockMark {
  readonly trueMs: number
  readonly wallMs: number
  readonly monotonicMs: number
}

/** What a process's idea of the store's clock rests on: an answer, whose question was asked then. */
export interface StoreAnchor extends ClockMark {
  /** How long before the store read its clock: by so much the process takes it to be later than it is. */
  readonly aheadMs: number
}

export function markClocks({ machine }: SimProcess, time: Scheduler): ClockMark {
  return { trueMs: time.nowMs, wallMs: machine.wallMs(), monotonicMs: machine.monotonicMs() }
}

/**
 * Time since the mark that neither clock of the process shows: a paused machine, or a wall clock that was set back
 * while the other stood still. What a process cannot know it cannot be blamed for. Negative: its clocks run ahead.
 */
export function hiddenMs({ machine }: SimProcess, since: ClockMark, time: Scheduler): number {
  const shownMs = Math.max(machine.wallMs() - since.wallMs, machine.monotonicMs() - since.monotonicMs)
  return time.nowMs - since.trueMs - shownMs
}

/** Time since the mark in which the machine slept: whether its wall clock showed that depends on when one looked. */
export function sleptMs({ machine }: SimProcess, since: ClockMark, time: Scheduler): number {
  return time.nowMs - since.trueMs - (machine.monotonicMs() - since.monotonicMs)
}
