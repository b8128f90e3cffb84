/**
 * What the store needs of a `pg` Pool. Structural, so that `pg.Pool`, `pg-pool` and subclasses of both fit,
 * whichever copy and version of their types is installed.
 */
export interface PostgresPool {
  connect(): Promise<PostgresClient>
  /** Where it says how many connections the pool may open, the store checks that LISTEN leaves one over. */
  readonly options?: { readonly max?: number | undefined } | undefined
  /** Set by the pool once `end()` was called. */
  readonly ending?: boolean | undefined
}

/** A client that was checked out of the pool. */
export interface PostgresClient {
  query(statement: PostgresStatement): Promise<{ readonly rows: readonly unknown[] }>
  on(event: 'error' | 'end', listener: () => void): unknown
  on(event: 'notification', listener: (message: PostgresNotification) => void): unknown
  removeListener(event: 'error', listener: () => void): unknown
  /** `true` ends the connection instead of giving it back. */
  release(destroy?: boolean): void
}

/** What `NOTIFY` sends. */
export interface PostgresNotification {
  readonly channel: string
  readonly payload?: string | undefined
}

/** One statement: never named, so that nothing stays behind in the session. */
export interface PostgresStatement {
  readonly text: string
  readonly values?: unknown[]
  /** Milliseconds after which `pg` gives the statement up and ends its connection. */
  readonly query_timeout?: number
}
