import { type Fault, type FaultWhen, faultMatches, faultWhen } from './fault.js'
import type { RequestTraits } from './request-traits.js'

/** A fault that was added. */
export interface FaultHandle {
  /** Requests it has struck. */
  hits(): number
  /** Strikes no further request. */
  remove(): void
}

/** The faults of one server. */
export interface Faults {
  /**
   * Adds a fault; those added first strike first, one request suffers all latencies and one other fault at a time.
   *
   * @throws TypeError for an unknown kind or a `when` that its kind does not have.
   */
  add(fault: Fault): FaultHandle
  /** Removes all faults and lets go of the requests they hold (see {@link Faults.release}). */
  clear(): void
  /** Ends what faults hold now: latencies end early, hanging, endless and slow replies are cut. */
  release(): void
}

export interface FaultBook {
  readonly faults: Faults
  /** Waits out the latencies that strike here; returns the one other fault that does, if any. */
  strike(traits: RequestTraits, when: FaultWhen): Promise<Fault | undefined>
  /** Whether a fault may strike this request. */
  concern(traits: RequestTraits, when: FaultWhen): boolean
  /** Aborted at the next release. */
  released(): AbortSignal
}

/** Makes the faults of one server; `chance` gives numbers in [0, 1). */
export function createFaults(chance: () => number): FaultBook {
  const active = new Set<{ fault: Fault; when: FaultWhen; left: number; hits: number }>()
  let holding = new AbortController()

  const faults: Faults = {
    add(fault) {
      const when = faultWhen(fault)
      const probability = fault.probability ?? 1
      if (!(probability >= 0 && probability <= 1)) {
        throw new TypeError('faults.add: probability must lie between 0 and 1')
      }
      const left = fault.times ?? (fault.probability === undefined ? 1 : Number.POSITIVE_INFINITY)
      const added = { fault: { ...fault }, when, left, hits: 0 }
      active.add(added)
      return { hits: () => added.hits, remove: () => void active.delete(added) }
    },
    clear() {
      active.clear()
      faults.release()
    },
    release() {
      holding.abort()
      holding = new AbortController()
    },
  }

  return {
    faults,
    async strike(traits, when) {
      let latencyMs = 0
      let struck: Fault | undefined
      for (const candidate of active) {
        const { fault } = candidate
        if (candidate.when !== when || !faultMatches(fault, traits)) continue
        if (struck !== undefined && fault.kind !== 'latency') continue
        if (fault.probability !== undefined && chance() >= fault.probability) continue
        candidate.hits += 1
        candidate.left -= 1
        if (candidate.left <= 0) active.delete(candidate)
        if (fault.kind === 'latency') latencyMs += fault.ms
        else struck = fault
      }
      if (latencyMs > 0) await pause(latencyMs, holding.signal)
      return struck
    },
    concern: (traits, when) =>
      [...active].some((candidate) => candidate.when === when && faultMatches(candidate.fault, traits)),
    released: () => holding.signal,
  }
}

/** Waits in real time, or until the signal. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
