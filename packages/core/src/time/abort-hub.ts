/**
 * One listener per signal, however many callers wait with it: a thousand requests of one job share its signal, and
 * runtimes warn of a leak at the eleventh listener.
 */
export interface AbortHub {
  /** Calls `run` when the signal aborts. Returns the function that calls it off. */
  on(signal: AbortSignal, run: () => void): () => void
}

export function createAbortHub(): AbortHub {
  const hubs = new WeakMap<AbortSignal, { readonly runs: Set<() => void>; readonly fire: () => void }>()

  function begin(signal: AbortSignal): { readonly runs: Set<() => void>; readonly fire: () => void } {
    const runs = new Set<() => void>()
    const fire = (): void => {
      // A run may take itself off; a Set allows that while it is walked.
      for (const run of runs) run()
    }
    const hub = { runs, fire }
    hubs.set(signal, hub)
    signal.addEventListener('abort', fire)
    return hub
  }

  return {
    on(signal, run) {
      const { runs, fire } = hubs.get(signal) ?? begin(signal)
      runs.add(run)
      return () => {
        runs.delete(run)
        if (runs.size > 0 || !hubs.has(signal)) return
        hubs.delete(signal)
        signal.removeEventListener('abort', fire)
      }
    },
  }
}
