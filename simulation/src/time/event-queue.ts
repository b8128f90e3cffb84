/** Something that happens at an instant of simulated time. */
export interface SimEvent {
  readonly atMs: number
  /** Decides among events of one instant; drawn, so that no order is taken for granted. */
  readonly tie: number
  readonly label: string
  run: () => void
  cancelled: boolean
}

/** A binary heap: the earliest first. */
export interface EventQueue {
  readonly size: number
  push(event: SimEvent): void
  /** Skips what was cancelled. */
  pop(): SimEvent | undefined
}

export function createEventQueue(): EventQueue {
  const heap: SimEvent[] = []

  function sink(event: SimEvent): void {
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, left)) child += 1
      const least = heap[child] as SimEvent
      if (!isBefore(least, event)) break
      heap[at] = least
      at = child
    }
    heap[at] = event
  }

  function popAny(): SimEvent | undefined {
    const first = heap[0]
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) sink(last)
    return first
  }

  return {
    get size() {
      return heap.length
    },
    push(event) {
      let at = heap.length
      heap.push(event)
      while (at > 0) {
        const parent = (at - 1) >> 1
        const above = heap[parent] as SimEvent
        if (!isBefore(event, above)) break
        heap[at] = above
        at = parent
      }
      heap[at] = event
    },
    pop() {
      let event = popAny()
      while (event?.cancelled) event = popAny()
      return event
    },
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie)
}
