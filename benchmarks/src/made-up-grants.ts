/** What the grants that fill a store look like; the stores make them by SQL, all by the same rules. */

export const PROVIDER = 'benchmark'

const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS

/** Grants are numbered from 1; their ids sort as their numbers do. */
export const ID_DIGITS = 8
export const grantIdAt = (n: number): string => `grant-${String(n).padStart(ID_DIGITS, '0')}`

/** When grants are due: nothing is yet, and `spreadMs` later everything is. */
export interface DueTimes {
  readonly firstMs: number
  readonly spreadMs: number
  /** From due to expiry. */
  readonly graceMs: number
}

export const dueTimesFrom = (nowMs: number): DueTimes => ({
  firstMs: nowMs + DAY_MS,
  spreadMs: YEAR_MS,
  graceMs: 30 * DAY_MS,
})

/** Coprime to any round number of grants: neighbours in the order of ids are far apart in that of due times. */
export const SCATTER = 7_919

const TOKEN_PLACE = '#'

/**
 * The stored form of a secret, in the three pieces around its two tokens: what core makes of a token reply, as a
 * JSON string, which is how both stores keep it.
 */
export const secretPieces: readonly string[] = JSON.stringify(
  JSON.stringify({ access_token: TOKEN_PLACE, refresh_token: TOKEN_PLACE, lifetime_ms: YEAR_MS }),
).split(TOKEN_PLACE)
