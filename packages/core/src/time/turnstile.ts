/** Lets a few through at a time, in the order in which they came. */
export interface Turnstile {
  /** Resolves with the function that makes room for the next; calling it again does nothing. */
  enter(): Promise<() => void>
}

export function createTurnstile(width: number): Turnstile {
  const waiting: (() => void)[] = []
  let inside = 0

  function leaver(): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      const next = waiting.shift()
      if (next) next()
      else inside -= 1
    }
  }

  return {
    async enter() {
      if (inside < width) inside += 1
      else await new Promise<void>((resolve) => waiting.push(resolve))
      return leaver()
    },
  }
}
