import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'

/** As the `redlock` package has them unless told otherwise. */
const RETRY_DELAY_MS = 200
const RETRY_JITTER_MS = 100
const LOCK_MS = 10_000

const TOKENS = 'polling:tokens'
const LOCK = 'polling:lock'
const UNLOCK = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`

export interface SharedTokens {
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresAtMs: number
}

export type Refresh = (refreshToken: string) => Promise<SharedTokens>

export const savePolled = (redis: Redis, tokens: SharedTokens): Promise<unknown> =>
  redis.set(TOKENS, JSON.stringify(tokens))

/**
 * Rotation as it is commonly shared between processes: a lock in Redis that losers try again and again, the tokens
 * beside it, one flight at a time in each process.
 */
export function pollingLock(redis: Redis, refresh: Refresh, onCommit: () => void) {
  let known: SharedTokens | undefined
  let inFlight: Promise<void> | undefined

  async function rotate(): Promise<void> {
    const id = randomUUID()
    while ((await redis.set(LOCK, id, 'PX', LOCK_MS, 'NX')) !== 'OK') {
      const jitterMs = (Math.random() * 2 - 1) * RETRY_JITTER_MS
      await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS + jitterMs))
    }
    try {
      known = JSON.parse((await redis.get(TOKENS)) ?? '') as SharedTokens
      if (isFresh(known)) return
      known = await refresh(known.refreshToken)
      await savePolled(redis, known)
      onCommit()
    } finally {
      await redis.eval(UNLOCK, 1, LOCK, id)
    }
  }

  return {
    async getAccessToken(): Promise<string> {
      if (!known || !isFresh(known)) {
        inFlight ??= rotate().finally(() => {
          inFlight = undefined
        })
        await inFlight
      }
      return known?.accessToken ?? ''
    },
    /** As time would. */
    expire(): void {
      known = undefined
    },
  }
}

const isFresh = ({ expiresAtMs }: SharedTokens): boolean => Date.now() < expiresAtMs
