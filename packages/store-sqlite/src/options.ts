import { resolve } from 'node:path'

/** Options of `sqliteStore`. */
export interface SqliteStoreOptions {
  /**
   * The database file, on a local disk; its folder must exist, the file is created. Relative paths start at
   * the current working directory. Every process that names the same file shares the same grants.
   */
  readonly path: string
  /**
   * The store's clock, epoch milliseconds; the same for all processes that share the file.
   * @defaultValue `Date.now`
   */
  readonly now?: (() => number) | undefined
  /**
   * Milliseconds that a step waits while other processes hold the file locked, before it rejects with
   * `STORE_UNAVAILABLE`. The event loop goes on meanwhile. @defaultValue 5_000
   */
  readonly busyTimeoutMs?: number | undefined
}

/** What the options come to. */
export interface Settings {
  /** Absolute: what a name means must not change with the working directory. */
  readonly path: string
  readonly now: () => number
  readonly busyTimeoutMs: number
}

/** @throws TypeError naming the option that is wrong */
export function checkOptions(options: SqliteStoreOptions): Settings {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError("sqliteStore: pass options, such as { path: 'tokens.db' }")
  }
  const { path, now = Date.now, busyTimeoutMs = 5_000 } = options
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new TypeError('sqliteStore: option `path` must be the path of a file')
  }
  if (path === ':memory:') {
    throw new TypeError('sqliteStore: option `path` must be a file; use memoryStore() of @evergrant/core')
  }
  if (/^(file|https?|wss?|libsql):/i.test(path)) {
    throw new TypeError('sqliteStore: option `path` must be a path, not a URL (see fileURLToPath)')
  }
  if (typeof now !== 'function') throw new TypeError('sqliteStore: option `now` must be a function')
  if (
    typeof busyTimeoutMs !== 'number' ||
    !(busyTimeoutMs >= 0 && busyTimeoutMs < Number.POSITIVE_INFINITY)
  ) {
    throw new TypeError('sqliteStore: option `busyTimeoutMs` must be a number of milliseconds, 0 or more')
  }
  return { path: resolve(path), now, busyTimeoutMs }
}
