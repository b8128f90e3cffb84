import { type Clock, elapsedMs, type Mark, markNow } from '../time/clock.js'
import { clampTimer } from '../time/patience.js'

/** A place in the line. */
export interface Place {
  /** Resolves, when its turn has come, with the function that makes room for the next; `undefined`: it left. */
  readonly entered: Promise<(() => void) | undefined>
  leave(): void
  /** The least time until its turn, as far as this process knows. Milliseconds. */
  expectedMs(): number
}

/**
 * The rotations of one manager that have nothing on the wire yet. A few at a time take their lease, a slot of the
 * budget and a connection; the others stand here, and cost the store no question. While the budget is known to be
 * used up nobody goes in.
 */
export interface Line {
  /** How many wait. */
  length(): number
  /** How long nobody will be let in; 0: it is open. */
  shutMs(): number
  /** The budget is used up for this long. Everyone who waits hears of it. */
  shutFor(forMs: number): void
  /** Something is left after all. */
  reopen(): void
  /**
   * @param place.told - hears how long it will take at least, whenever that is known anew; answers whether to stay
   * @param place.first - before all others: it had its turn already
   */
  enter(place: { readonly told: (forMs: number) => boolean; readonly first: boolean }): Place
}

export interface LineOptions {
  readonly clock: Clock
  /** How many prepare at once. */
  readonly width: number
  /** What the budget lets through: so many in each window. */
  readonly limit: number
  readonly windowMs: number
}

interface Waiting {
  readonly told: (forMs: number) => boolean
  readonly settle: (leave: (() => void) | undefined) => void
}

export function createLine({ clock, width, limit, windowMs }: LineOptions): Line {
  const waiting: Waiting[] = []
  let inside = 0
  let shut: { readonly at: Mark; readonly forMs: number } | undefined
  let timer: unknown

  const shutMs = (): number => (shut ? Math.max(0, shut.forMs - elapsedMs(clock, shut.at)) : 0)

  /**
   * A lower bound: others in the fleet may be served first, or serve this grant for us. Nobody is turned away for
   * what may not be so.
   */
  const expectedMs = (place: number): number =>
    shut ? shutMs() + Math.floor(Math.max(place, 0) / limit) * windowMs : 0

  function admit(): void {
    clock.clearTimeout(timer)
    const leftMs = waiting.length > 0 ? shutMs() : 0
    if (leftMs > 0) {
      timer = clock.setTimeout(admit, clampTimer(leftMs))
      return
    }
    while (inside < width) {
      const next = waiting.shift()
      if (!next) return
      inside += 1
      next.settle(leaver())
    }
  }

  function leaver(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      inside -= 1
      admit()
    }
  }

  function leave(each: Waiting): void {
    const place = waiting.indexOf(each)
    if (place < 0) return
    waiting.splice(place, 1)
    each.settle(undefined)
    if (waiting.length === 0) clock.clearTimeout(timer)
  }

  return {
    length: () => waiting.length,
    shutMs,
    shutFor(forMs) {
      shut = { at: markNow(clock), forMs }
      for (const [place, each] of [...waiting].entries()) if (!each.told(expectedMs(place))) leave(each)
      admit()
    },
    reopen() {
      shut = undefined
      admit()
    },
    enter({ told, first }) {
      let settle: Waiting['settle'] = () => {}
      const entered = new Promise<(() => void) | undefined>((resolve) => {
        settle = resolve
      })
      const each: Waiting = { told, settle }
      if (first) waiting.unshift(each)
      else waiting.push(each)
      const forMs = expectedMs(waiting.indexOf(each))
      if (forMs > 0 && !told(forMs)) leave(each)
      admit()
      return { entered, leave: () => leave(each), expectedMs: () => expectedMs(waiting.indexOf(each)) }
    },
  }
}
