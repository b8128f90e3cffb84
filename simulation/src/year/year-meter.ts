import { DAY, MINUTE } from './plan-year.js'

/** Counts requests as the provider does, and keeps the longest wait. */
export interface YearMeter {
  request(label: string, atMs: number): void
  call(waitedMs: number): void
  callFailed(code: string, inTrouble: boolean): void
  readonly requests: number
  readonly rotations: number
  readonly refused: number
  readonly calls: number
  readonly failedOutsideTrouble: number
  readonly longestWaitMs: number
  readonly failures: ReadonlyMap<string, number>
  readonly mostInAnyWindow: number
  readonly busiestMinute: number
  /** Requests of each day, and those of its busiest minute. */
  readonly days: readonly { readonly requests: number; readonly busiestMinute: number }[]
}

export function createYearMeter(startMs: number, lengthMs: number): YearMeter {
  const days = Array.from({ length: Math.ceil(lengthMs / DAY) + 1 }, () => ({
    requests: 0,
    busiestMinute: 0,
  }))
  const recent: number[] = []
  const failures = new Map<string, number>()
  let first = 0
  let [requests, rotations, refused, calls, failedOutsideTrouble] = [0, 0, 0, 0, 0]
  let [mostInAnyWindow, busiestMinute, longestWaitMs] = [0, 0, 0]
  let minute = { number: -1, requests: 0 }

  return {
    request(label, atMs) {
      requests += 1
      if (label === 'rotated') rotations += 1
      if (label === 'refused') refused += 1
      recent.push(atMs)
      while ((recent[first] ?? atMs) <= atMs - MINUTE) first += 1
      mostInAnyWindow = Math.max(mostInAnyWindow, recent.length - first)
      if (first > 10_000) {
        recent.splice(0, first)
        first = 0
      }
      const number = Math.floor((atMs - startMs) / MINUTE)
      minute = number === minute.number ? { number, requests: minute.requests + 1 } : { number, requests: 1 }
      busiestMinute = Math.max(busiestMinute, minute.requests)
      const day = days[Math.floor((atMs - startMs) / DAY)]
      if (!day) return
      day.requests += 1
      day.busiestMinute = Math.max(day.busiestMinute, minute.requests)
    },
    call(waitedMs) {
      calls += 1
      longestWaitMs = Math.max(longestWaitMs, waitedMs)
    },
    callFailed(code, inTrouble) {
      calls += 1
      if (!inTrouble) failedOutsideTrouble += 1
      failures.set(code, (failures.get(code) ?? 0) + 1)
    },
    get requests() {
      return requests
    },
    get rotations() {
      return rotations
    },
    get refused() {
      return refused
    },
    get failedOutsideTrouble() {
      return failedOutsideTrouble
    },
    get calls() {
      return calls
    },
    get longestWaitMs() {
      return longestWaitMs
    },
    failures,
    get mostInAnyWindow() {
      return mostInAnyWindow
    },
    get busiestMinute() {
      return busiestMinute
    },
    days,
  }
}
