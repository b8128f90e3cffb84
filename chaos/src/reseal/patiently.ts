import { setTimeout as pause } from 'node:timers/promises'
import { isEvergrantError } from '@evergrant/core'

const TRIES = 100
const PAUSE_MS = 200

/** Again while the store is away: a busy disk makes it so for a moment. */
export async function patiently<T>(run: () => Promise<T>, onAway: () => void = () => {}): Promise<T> {
  for (let left = TRIES; ; left--) {
    try {
      return await run()
    } catch (error) {
      if (!isEvergrantError(error, 'STORE_UNAVAILABLE') || left === 0) throw error
      onAway()
      await pause(PAUSE_MS)
    }
  }
}
