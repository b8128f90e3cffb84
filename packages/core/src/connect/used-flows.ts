import type { Clock } from '../time/clock.js'

/** A flood of callbacks must not fill the memory; each of them had a cookie that we sealed. */
const MAX_FLOWS = 10_000

/** The flows that ended in this process, until they would have expired anyway. */
export interface UsedFlows {
  has(id: string): boolean
  /** `false`: it was there already. */
  add(id: string, expiresAtMs: number): boolean
}

export function createUsedFlows(clock: Clock): UsedFlows {
  const expiries = new Map<string, number>()
  return {
    has: (id) => expiries.has(id),
    add(id, expiresAtMs) {
      if (expiries.has(id)) return false
      const nowMs = clock.now()
      // In the order of their ends, which is nearly that of their expiries: what is left over goes next time.
      for (const [oldest, atMs] of expiries) {
        if (atMs > nowMs && expiries.size < MAX_FLOWS) break
        expiries.delete(oldest)
      }
      expiries.set(id, expiresAtMs)
      return true
    },
  }
}
