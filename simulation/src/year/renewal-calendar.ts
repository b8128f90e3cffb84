/** Which of a million grants are due: by the hour, so that neither a change nor a look costs more for more grants. */
export interface RenewalCalendar {
  /** This grant is due then, and not when it was said before. */
  put(grant: number, dueAtMs: number): void
  /** Takes out up to `limit` that are due by then. Within an hour they come in no order. */
  take(beforeMs: number, limit: number): readonly number[]
}

const HOUR_MS = 3_600_000

export function createRenewalCalendar(grants: number): RenewalCalendar {
  const dueAtMs = new Float64Array(grants).fill(Number.POSITIVE_INFINITY)
  const hours = new Map<number, Set<number>>()
  let firstHour = Number.POSITIVE_INFINITY

  const hourOf = (atMs: number): number => Math.floor(atMs / HOUR_MS)

  function drop(grant: number): void {
    const due = dueAtMs[grant] ?? Number.POSITIVE_INFINITY
    if (due !== Number.POSITIVE_INFINITY) hours.get(hourOf(due))?.delete(grant)
    dueAtMs[grant] = Number.POSITIVE_INFINITY
  }

  return {
    put(grant, atMs) {
      drop(grant)
      dueAtMs[grant] = atMs
      const hour = hourOf(atMs)
      const others = hours.get(hour)
      if (others) others.add(grant)
      else hours.set(hour, new Set([grant]))
      firstHour = Math.min(firstHour, hour)
    },
    take(beforeMs, limit) {
      const taken: number[] = []
      for (let hour = firstHour; hour <= hourOf(beforeMs) && taken.length < limit; hour++) {
        const due = hours.get(hour)
        if (!due || due.size === 0) {
          hours.delete(hour)
          if (hour === firstHour) firstHour += 1
          continue
        }
        for (const grant of due) {
          if ((dueAtMs[grant] ?? 0) > beforeMs) continue
          taken.push(grant)
          if (taken.length === limit) break
        }
      }
      for (const grant of taken) drop(grant)
      return taken
    },
  }
}
