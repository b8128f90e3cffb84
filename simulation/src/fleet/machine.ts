/**
 * What stands still while a process or its machine is frozen. `stopped`: the process alone (SIGSTOP), its clocks run
 * on. `suspended`: a laptop asleep, the monotonic clock and all timers stand still. `paused`: a virtual machine, where
 * nothing shows that time has passed.
 */
export type FreezeShape = 'stopped' | 'suspended' | 'paused'

/** A machine's clocks: wrong, each in its own way. */
export interface Machine {
  readonly name: string
  wallMs(): number
  monotonicMs(): number
  /** True instant at which the monotonic clock shows this, if nothing freezes it. */
  trueAt(monotonicMs: number): number
  /** Somebody sets the wall clock. */
  jump(byMs: number): void
  freeze(shape: FreezeShape): void
  thaw(): void
  readonly frozen: FreezeShape | undefined
}

export function createMachine(name: string, now: () => number, offsetMs: number): Machine {
  let wallOffsetMs = offsetMs
  const bootMs = now() - 1_000
  let asleepMs = 0
  let frozen: { readonly shape: FreezeShape; readonly sinceMs: number } | undefined

  const stands = (wall: boolean): boolean =>
    frozen !== undefined && (frozen.shape === 'paused' || (frozen.shape === 'suspended' && !wall))
  return {
    name,
    wallMs: () => Math.floor((stands(true) ? (frozen?.sinceMs ?? 0) : now()) + wallOffsetMs),
    monotonicMs: () => (stands(false) ? (frozen?.sinceMs ?? 0) : now()) - bootMs - asleepMs,
    trueAt: (monotonicMs) => monotonicMs + bootMs + asleepMs,
    jump(byMs) {
      wallOffsetMs += byMs
    },
    freeze(shape) {
      frozen = { shape, sinceMs: now() }
    },
    thaw() {
      if (!frozen) return
      const lostMs = now() - frozen.sinceMs
      if (frozen.shape !== 'stopped') asleepMs += lostMs
      if (frozen.shape === 'paused') wallOffsetMs -= lostMs
      frozen = undefined
    },
    get frozen() {
      return frozen?.shape
    },
  }
}
