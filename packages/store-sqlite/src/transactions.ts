import { EvergrantError } from '@evergrant/core'
import type Database from 'libsql'
import { type DatabaseFile, openDatabaseFile, prepareDatabase } from './database-file.js'
import { isBusy, isDriverError, translateDriverError, unavailableFile } from './driver-errors.js'
import { assertKnownVersion } from './schema.js'

/** Prepares each statement once. */
export type Statements = (sql: string) => Database.Statement

/** Runs synchronous work on the file, one piece at a time. */
export interface Transactions {
  /** Runs `work` in one write transaction: all of it is on the disk when this resolves, or nothing. */
  write<T>(work: (statement: Statements) => T): Promise<T>
  /** Runs `work` that reads with one statement; sees everything committed so far. */
  read<T>(work: (statement: Statements) => T): Promise<T>
  /** Waits for what was begun, then lets go of the file. */
  close(): Promise<void>
}

interface Connection extends DatabaseFile {
  readonly statement: Statements
}

function connect(path: string): Connection {
  const file = openDatabaseFile(path)
  const prepared = new Map<string, Database.Statement>()
  const statement: Statements = (sql) => {
    const known = prepared.get(sql) ?? file.db.prepare(sql)
    prepared.set(sql, known)
    return known
  }
  return { ...file, statement }
}

/** Longest run of transactions in one turn of the event loop. */
const maxBurstMs = 10

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Opens the file at the first use. While another process holds it locked, waits without blocking the event
 * loop, and gives up with `STORE_UNAVAILABLE` after `busyTimeoutMs`.
 */
export function createTransactions(path: string, busyTimeoutMs: number): Transactions {
  let connection: Connection | undefined
  let ready = false
  /** Whether every statement of the connection is at its end, so that none keeps an old snapshot. */
  let atRest = true
  let closed = false
  const begun = new Set<Promise<unknown>>()
  /** Writes run one after the other, in the order of the calls. */
  let tail: Promise<unknown> = Promise.resolve()
  let writing = 0
  let burstBeganMs = 0

  function disconnect(): void {
    const db = connection?.db
    connection = undefined
    ready = false
    atRest = true
    try {
      db?.close()
    } catch {
      // Nothing is lost: every committed step is on the disk already.
    }
  }

  /** Brings everything into the one file, so that whoever copies it after the last close has it all. */
  function mergeLog(): void {
    try {
      if (connection?.isInPlace()) connection.db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Another process is at work on the file; the last one to close does it.
    }
  }

  function usable(): Connection {
    // Somebody removed or replaced the file: what is open here is nobody else's store any more.
    if (connection && !connection.isInPlace()) disconnect()
    connection ??= connect(path)
    if (!ready) prepareDatabase(connection, path)
    ready = true
    return connection
  }

  /** Another process may bring a newer version, which migrates the file while it is open here. */
  function assertSchema(statement: Statements): void {
    const { user_version } = statement('PRAGMA user_version').get() as { user_version: number }
    assertKnownVersion(user_version, path)
  }

  function readOnce<T>(work: (statement: Statements) => T): T {
    const { statement } = usable()
    atRest = false
    assertSchema(statement)
    const result = work(statement)
    atRest = true
    return result
  }

  function writeOnce<T>(work: (statement: Statements) => T): T {
    const { db, statement } = usable()
    // Through `exec`, which leaves nothing active when it meets a lock (see prepareDatabase).
    db.exec('BEGIN IMMEDIATE')
    atRest = false
    try {
      assertSchema(statement)
      const result = work(statement)
      db.exec('COMMIT')
      atRest = true
      return result
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK')
      throw error
    }
  }

  async function untilNotBusy<T>(once: () => T, deadlineMs: number): Promise<T> {
    for (let round = 0; ; round++) {
      try {
        return once()
      } catch (error) {
        if (!atRest) disconnect()
        if (!isBusy(error)) {
          if (!isDriverError(error)) throw error
          disconnect()
          throw translateDriverError(path, error)
        }
        if (performance.now() >= deadlineMs) {
          const problem = `stayed locked by another process for ${busyTimeoutMs} ms.`
          throw unavailableFile(path, problem, (error as { code: string }).code)
        }
      }
      await pause(1 + Math.random() * Math.min(4 * 2 ** round, 40))
    }
  }

  /** Many steps at once must not keep timers and sockets waiting until the last of them is done. */
  async function breathe(): Promise<void> {
    if (performance.now() - burstBeganMs < maxBurstMs) return
    await new Promise(setImmediate)
    burstBeganMs = performance.now()
  }

  function begin<T>(run: (deadlineMs: number) => Promise<T>): Promise<T> {
    if (closed) return Promise.reject(new EvergrantError('CLOSED', 'This store was closed.'))
    const work = run(performance.now() + busyTimeoutMs).finally(() => begun.delete(work))
    begun.add(work)
    return work
  }

  return {
    write: (work) =>
      begin((deadlineMs) => {
        if (writing++ === 0) burstBeganMs = performance.now()
        const result = tail
          .then(breathe)
          .then(() => untilNotBusy(() => writeOnce(work), deadlineMs))
          .finally(() => writing--)
        // Without its result: the last record would stay in memory for as long as the store.
        tail = result.then(
          () => {},
          () => {},
        )
        return result
      }),

    // Reads need not queue behind a write that waits for a lock: they see what is committed.
    read: (work) => begin((deadlineMs) => untilNotBusy(() => readOnce(work), deadlineMs)),

    async close() {
      closed = true
      await Promise.allSettled(begun)
      mergeLog()
      disconnect()
    },
  }
}
