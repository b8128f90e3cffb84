import type { PostgresPool } from './pg-like.js'

/** Where the store lives in the database; the same for `postgresStore`, `migrate` and `migrationSql`. */
export interface PostgresSchemaOptions {
  /** The schema of all tables and functions; made by `migrate()` when missing. @defaultValue `'evergrant'` */
  readonly schema?: string | undefined
  /**
   * What the names of all tables and functions begin with: two prefixes in one schema are two stores.
   * At most 40 bytes. @defaultValue `''`
   */
  readonly tablePrefix?: string | undefined
}

/** Options of `postgresStore`. */
export interface PostgresStoreOptions extends PostgresSchemaOptions {
  /**
   * Your `pg` Pool, connected to the primary. The store never ends it and sets nothing on its connections.
   * Listen to its `error` event: `pg` reports lost idle connections there, and an event without a listener ends
   * the process.
   */
  readonly pool: PostgresPool
  /**
   * Whether, and where, `watch()` hears of changes by `LISTEN`. `true`: on one connection of `pool`, kept for
   * as long as anyone watches. A pool: on one connection of that one, for when `pool` goes through a
   * transaction pooler. `false`: the store has no `watch()`. @defaultValue `true`
   */
  readonly listen?: boolean | PostgresPool | undefined
  /**
   * Milliseconds after which a step rejects with `STORE_UNAVAILABLE`, waiting for a connection included.
   * @defaultValue 2_000
   */
  readonly stepTimeoutMs?: number | undefined
}

/** What the schema options come to. */
export interface Place {
  readonly schema: string
  readonly tablePrefix: string
}

/** What the options come to. */
export interface Settings extends Place {
  readonly pool: PostgresPool
  /** The pool to LISTEN on; `undefined`: nowhere. */
  readonly listenPool: PostgresPool | undefined
  readonly stepTimeoutMs: number
}

/** PostgreSQL cuts longer identifiers silently. */
export const maxIdentifierBytes = 63
/** Leaves room for the longest of our own names. */
const maxPrefixBytes = 40
/** What `setTimeout` can hold. */
const maxDelayMs = 2 ** 31 - 1

function checkName(
  caller: string,
  name: string,
  value: unknown,
  range: { min: number; max: number },
): string {
  const bytes = typeof value === 'string' ? Buffer.byteLength(value) : -1
  if (typeof value !== 'string' || bytes < range.min || bytes > range.max) {
    throw new TypeError(`${caller}: option \`${name}\` must be text of ${range.min} to ${range.max} bytes`)
  }
  if (/[\0\p{Surrogate}]/u.test(value)) {
    throw new TypeError(`${caller}: option \`${name}\` must not hold NUL or broken Unicode`)
  }
  return value
}

/** @throws TypeError naming the option that is wrong */
export function checkPlace(caller: string, options: PostgresSchemaOptions = {}): Place {
  const { schema = 'evergrant', tablePrefix = '' } = options
  return {
    schema: checkName(caller, 'schema', schema, { min: 1, max: maxIdentifierBytes }),
    tablePrefix: checkName(caller, 'tablePrefix', tablePrefix, { min: 0, max: maxPrefixBytes }),
  }
}

/** @throws TypeError when it is not a pool */
export function checkPool(caller: string, name: string, pool: unknown): PostgresPool {
  const candidate = (typeof pool === 'object' && pool !== null ? pool : {}) as Partial<PostgresPool>
  // A single Client has this method too, but gives no clients and never reconnects.
  const isClient = 'connectionParameters' in candidate
  if (typeof candidate.connect !== 'function' || isClient) {
    throw new TypeError(`${caller}: \`${name}\` must be a Pool of the package pg, such as new pg.Pool()`)
  }
  return candidate as PostgresPool
}

/** @throws TypeError naming the option that is wrong */
export function checkOptions(options: PostgresStoreOptions): Settings {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('postgresStore: pass options, such as { pool }')
  }
  const { listen = true, stepTimeoutMs = 2_000 } = options
  const pool = checkPool('postgresStore', 'pool', options.pool)
  const place = checkPlace('postgresStore', options)
  if (!(typeof stepTimeoutMs === 'number' && stepTimeoutMs >= 1 && stepTimeoutMs <= maxDelayMs)) {
    throw new TypeError('postgresStore: option `stepTimeoutMs` must be a number of milliseconds, 1 or more')
  }
  if (typeof listen !== 'boolean') checkPool('postgresStore', 'listen', listen)
  if (listen === true && (pool.options?.max ?? Number.POSITIVE_INFINITY) < 2) {
    const problem = 'LISTEN would keep the only connection of `pool` (max 1)'
    throw new TypeError(
      `postgresStore: option \`listen\`: ${problem}. Allow 2, or pass false or another pool`,
    )
  }
  const listenPool = typeof listen === 'boolean' ? (listen ? pool : undefined) : listen
  return { ...place, pool, listenPool, stepTimeoutMs }
}
