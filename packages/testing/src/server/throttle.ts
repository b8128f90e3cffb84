import type { ThrottleBehaviour } from './behaviour.js'

/** The throttle's word on one request. */
interface ThrottleVerdict {
  readonly allowed: boolean
  /** Headers for the answer: limit and remaining always, `Retry-After` and reset with a refusal. */
  readonly headers: Readonly<Record<string, string>>
}

export interface Throttle {
  count(caller: string, limits: ThrottleBehaviour, nowMs: number): ThrottleVerdict
}

/** Counts requests per caller in fixed windows, as Laravel does: refused ones do not count. */
export function createThrottle(): Throttle {
  const windows = new Map<string, { endsAtMs: number; count: number }>()
  return {
    count(caller, { limit, windowMs, windowStart }, nowMs) {
      let window = windows.get(caller)
      if (!window || nowMs >= window.endsAtMs) {
        const startMs = windowStart === 'clock' ? Math.floor(nowMs / windowMs) * windowMs : nowMs
        window = { endsAtMs: startMs + windowMs, count: 0 }
        windows.set(caller, window)
      }
      const allowed = window.count < limit
      if (allowed) window.count += 1
      const headers = {
        'x-ratelimit-limit': String(limit),
        'x-ratelimit-remaining': String(Math.max(0, limit - window.count)),
      }
      if (allowed) return { allowed, headers }
      return {
        allowed,
        headers: {
          ...headers,
          'retry-after': String(Math.ceil((window.endsAtMs - nowMs) / 1000)),
          'x-ratelimit-reset': String(Math.ceil(window.endsAtMs / 1000)),
        },
      }
    },
  }
}
