import type { AccessToken } from '../access-token.js'
import type { GrantEntry } from '../grant/grant-entry.js'
import type { AbortHub } from '../time/abort-hub.js'
import { type Clock, elapsedMs, markNow } from '../time/clock.js'

/** Below the resolution of any timer: who comes this much later has the same deadline. */
const SAME_MOMENT_MS = 1

/**
 * Callers who ask for the same at the same moment wait as one, with one deadline, one timer and one promise: when a
 * token expires under ten thousand requests, they cost what one costs.
 */
export function gather(clock: Clock, entry: GrantEntry, asked: Promise<AccessToken>): Promise<AccessToken> {
  const since = markNow(clock)
  const token = (async () => {
    try {
      return await asked
    } finally {
      // Before anyone sees the answer: it is not for a question that is asked later.
      if (entry.gathering?.since === since) entry.gathering = undefined
    }
  })()
  entry.gathering = { since, token }
  return token
}

/** What those wait for who asked at this very moment, unless what is known of the grant has changed since. */
export function gatheredNow(clock: Clock, { gathering }: GrantEntry): Promise<AccessToken> | undefined {
  return gathering && elapsedMs(clock, gathering.since) < SAME_MOMENT_MS ? gathering.token : undefined
}

/** Settles as `work` does, unless the signal comes first; whoever else waits for it goes on waiting. */
export function unlessAborted<T>(
  aborts: AbortHub,
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (!signal) return work
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    const off = aborts.on(signal, () => reject(signal.reason))
    void work.then(resolve, reject).finally(off)
  })
}
