import { setTimeout as pause } from 'node:timers/promises'
import type { Board } from './board.js'
import type { Incidents } from './incidents.js'
import { workersAtOnce } from './scenario-once.js'

/** Time to read what happened. */
const BETWEEN_MS = 4_000

/** The show without end: the same incidents in turn, at a pace for the eye, until the signal. */
export async function endless(incidents: Incidents, board: Board, signal: AbortSignal): Promise<void> {
  await incidents.start(workersAtOnce)
  const turns = [
    incidents.expireTokens,
    incidents.killBetweenRequests,
    incidents.revokeToken,
    incidents.killHolderOfLease,
    () => incidents.renewalInTime(),
  ]
  for (let turn = 0; ; turn++) {
    await pause(BETWEEN_MS, undefined, { signal })
    try {
      await turns[turn % turns.length]?.()
    } catch (error) {
      if (signal.aborted) throw error
      // The show goes on, with one failure more on the board.
      board.trouble(error instanceof Error ? error.message : 'an incident failed')
    }
  }
}
