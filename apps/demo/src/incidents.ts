import { setTimeout as pause } from 'node:timers/promises'
import type { Board } from './board.js'
import { minRotationIntervalMs } from './demo-grant.js'
import type { Fleet } from './fleet.js'
import type { Stage } from './stage.js'

/** What happens to the fleet. Each resolves when the fleet has got over it, and throws when it does not. */
export interface Incidents {
  start(count: number): Promise<void>
  /** Nobody does anything: the token of this generation, or the newest, is renewed because its time has come. */
  renewalInTime(generation?: number): Promise<void>
  expireTokens(): Promise<void>
  revokeToken(): Promise<void>
  killBetweenRequests(): Promise<void>
  killHolderOfLease(): Promise<void>
}

export interface Cast {
  readonly stage: Stage
  readonly board: Board
  readonly fleet: Fleet
  /** Ends the show: whatever an incident waits for, it stops waiting. */
  readonly signal: AbortSignal
}

/** For the eye, between a death and its replacement. */
const MOURNING_MS = 1_200
/** A worker counts as being at work after this many calls. */
const AT_WORK_CALLS = 10
/** Longer than any token lives here before it is renewed. */
const RENEWAL_WITHIN_MS = 20_000

export function createIncidents({ stage, board, fleet, signal }: Cast): Incidents {
  const { server } = stage

  /** Incidents come no faster than the fleet is allowed to rotate, or a 401 would rightly be left standing. */
  async function quiet(): Promise<void> {
    const readyAtMs = board.newest().atMs + minRotationIntervalMs + 200
    await pause(Math.max(0, readyAtMs - Date.now()), undefined, { signal })
  }

  function everyoneBeyond(generation: number, withinMs?: number): Promise<void> {
    const there = (): boolean => board.living().every((worker) => worker.generation > generation)
    return board.until(`every worker beyond generation ${generation}`, there, signal, withinMs)
  }

  async function start(count: number): Promise<void> {
    const numbers = await Promise.all(Array.from({ length: count }, () => fleet.start()))
    const atWork = (): boolean =>
      numbers.every((number) => board.workers.some((w) => w.number === number && w.calls >= AT_WORK_CALLS))
    await board.until('new workers at work', atWork, signal)
  }

  async function replace(number: number): Promise<void> {
    await pause(MOURNING_MS, undefined, { signal })
    await start(1)
    const { number: successor, generation } = board.workers.at(-1) ?? { number: 0, generation: 0 }
    board.say(
      `worker ${successor} took the place of worker ${number}: it calls with generation ${generation}`,
    )
  }

  /** The oldest, so that everyone's turn comes. */
  function victim(): number {
    return board.living()[0]?.number ?? 0
  }

  return {
    start,

    renewalInTime: (generation = board.newest().generation) => everyoneBeyond(generation, RENEWAL_WITHIN_MS),

    async expireTokens() {
      await quiet()
      const { generation } = board.newest()
      server.expireAccessTokens()
      board.say('access token expired at the provider, long before its time')
      await everyoneBeyond(generation)
    },

    async revokeToken() {
      await quiet()
      const { generation } = board.newest()
      if (await stage.revokeAccessToken()) board.say('access token revoked at the provider')
      await everyoneBeyond(generation)
    },

    async killBetweenRequests() {
      const number = victim()
      try {
        await fleet.drill(number, false)
      } finally {
        await fleet.kill(number)
      }
      board.say(`worker ${number} killed (SIGKILL) between two requests`)
      await replace(number)
    },

    async killHolderOfLease() {
      await quiet()
      const number = victim()
      const { generation } = board.newest()
      const { holdsLease } = await fleet.drill(number, true)
      if (holdsLease) {
        server.expireAccessTokens()
        board.say(`worker ${number} holds the lease; the access token expired, the others wait`)
        const someoneWaits = (): boolean => board.living().some(({ state }) => state === 'waiting')
        try {
          await board.until('someone waits for the lease', someoneWaits, signal, 1_000)
        } finally {
          await fleet.kill(number)
        }
        board.say(`worker ${number} killed (SIGKILL) with the lease in hand, before a byte left`)
        await everyoneBeyond(generation)
      } else {
        await fleet.kill(number)
        board.say(`worker ${number} killed (SIGKILL) between two requests`)
      }
      await replace(number)
    },
  }
}
