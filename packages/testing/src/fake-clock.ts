/** Where code under test gets its time from. */
export interface TestableClock {
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number
  /** Milliseconds from any origin, never steps back. */
  readonly monotonic: () => number
  /** Calls `run` once after `ms` milliseconds. */
  readonly setTimeout: (run: () => void, ms: number) => unknown
  readonly clearTimeout: (handle: unknown) => void
}

/** A clock that moves only when told. */
export interface FakeClock extends TestableClock {
  /**
   * Lets `ms` milliseconds pass: fires what falls due, in order and each at its own time, and lets promises settle
   * before, between and after.
   */
  advance(ms: number): Promise<void>
  /** Steps the wall clock alone, as an administrator or NTP does; negative steps back. No timer fires. */
  step(ms: number): void
  /** The machine sleeps: the wall clock goes on, the monotonic one and timers stand still. */
  suspend(ms: number): void
  /** Timers that have not fired. */
  pendingTimers(): number
}

/** How {@link fakeClock} lets promises settle. */
export interface FakeClockOptions {
  /**
   * Awaited before, between and after timers. The default drains promises and `nextTick`, not I/O or `crypto.subtle`.
   * @defaultValue one turn of `setImmediate`
   */
  readonly settle?: () => Promise<void>
}

/** Beyond this a real timer fires at once, and so does a fake one. */
const maxDelayMs = 2_147_483_647

/** More is a timer that sets itself again without delay. */
const maxTimersAnAdvance = 100_000

const nextTurn = setImmediate
const oneTurn = (): Promise<void> => new Promise((resolve) => void nextTurn(resolve))

/**
 * Makes a clock whose wall time starts at `startMs` and whose monotonic time starts at 0.
 *
 * As with real timers a delay above 2 147 483 647 ms fires at once; no timer fires while it is being set.
 *
 * @param startMs - Epoch milliseconds. @defaultValue 1_700_000_000_000
 */
export function fakeClock(
  startMs = 1_700_000_000_000,
  { settle = oneTurn }: FakeClockOptions = {},
): FakeClock {
  let wallMs = startMs
  let monotonicMs = 0
  let serial = 0
  const timers = new Map<number, { dueMs: number; run: () => void }>()

  function nextDue(untilMs: number): [number, { dueMs: number; run: () => void }] | undefined {
    let next: [number, { dueMs: number; run: () => void }] | undefined
    for (const candidate of timers) {
      if (candidate[1].dueMs <= untilMs && (!next || candidate[1].dueMs < next[1].dueMs)) next = candidate
    }
    return next
  }

  function moveTo(targetMs: number): void {
    const passedMs = Math.max(0, targetMs - monotonicMs)
    wallMs += passedMs
    monotonicMs += passedMs
  }

  return {
    now: () => wallMs,
    monotonic: () => monotonicMs,
    setTimeout(run, ms) {
      serial += 1
      const delayMs = ms > maxDelayMs || !(ms > 0) ? 0 : ms
      timers.set(serial, { dueMs: monotonicMs + delayMs, run })
      return serial
    },
    clearTimeout: (handle) => void timers.delete(handle as number),
    async advance(ms) {
      if (!(ms >= 0)) throw new TypeError('fakeClock: advance needs 0 ms or more; see step')
      const untilMs = monotonicMs + ms
      await settle()
      let fired = 0
      for (let due = nextDue(untilMs); due; due = nextDue(untilMs)) {
        const [handle, { dueMs, run }] = due
        fired += 1
        if (fired > maxTimersAnAdvance) throw new Error('fakeClock: timers fire without end in one advance')
        timers.delete(handle)
        moveTo(dueMs)
        run()
        await settle()
      }
      moveTo(untilMs)
      await settle()
    },
    step(ms) {
      wallMs += ms
    },
    suspend(ms) {
      if (!(ms >= 0)) throw new TypeError('fakeClock: suspend needs 0 ms or more')
      wallMs += ms
    },
    pendingTimers: () => timers.size,
  }
}
