import { accessSync, chmodSync, closeSync, constants, openSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'libsql'
import { translateDriverError, unavailableFile, unusableFile } from './driver-errors.js'
import { migrate } from './schema.js'

const ownerOnly = 0o600

/** Trouble that has nothing to do with this file and may pass. */
const passing = new Set(['EMFILE', 'ENFILE', 'ENOSPC', 'EDQUOT', 'ENOMEM', 'EIO', 'EAGAIN', 'EINTR'])

function translateSystemError(path: string, error: unknown): Error {
  const code = (error as NodeJS.ErrnoException).code ?? 'UNKNOWN'
  if (passing.has(code)) return unavailableFile(path, `cannot be opened just now (${code}).`, code)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return unusableFile(path, `is in a folder that does not exist. Create ${dirname(path)} first.`, code)
  }
  const problem = `cannot be opened for reading and writing (${code}). Check who owns the file and its folder.`
  return unusableFile(path, problem, code)
}

/**
 * Makes the file, readable by its owner only from its first moment, or checks the one that is there. Looks
 * only at its metadata: opening and closing it here would drop the locks that SQLite holds for this process.
 */
function ensureFile(path: string): Stats {
  try {
    closeSync(openSync(path, 'wx', ownerOnly))
    return statSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw translateSystemError(path, error)
  }
  try {
    const stats = statSync(path)
    if (!stats.isFile()) throw unusableFile(path, 'is not a regular file. Name another file.', 'NOT_A_FILE')
    // Also said to root, who could write it all the same: whoever took the permission away meant it.
    if ((stats.mode & 0o200) === 0) {
      throw unusableFile(path, 'is read-only. Allow its owner to write it (chmod u+w).', 'READ_ONLY')
    }
    accessSync(path, constants.R_OK | constants.W_OK)
    accessSync(dirname(path), constants.W_OK | constants.X_OK)
    return stats
  } catch (error) {
    throw (error as Error).name === 'EvergrantError' ? error : translateSystemError(path, error)
  }
}

/** Takes away what a file made by someone else (a copy, a restore) gives to others. */
function withdrawFromOthers(path: string): void {
  for (const file of [path, `${path}-wal`, `${path}-shm`, `${path}-notify`]) {
    try {
      if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, ownerOnly)
    } catch {
      // Not there, or not ours to change.
    }
  }
}

/** An open database file. */
export interface DatabaseFile {
  readonly db: Database.Database
  /** Whether the path still leads to the file that is open here. */
  isInPlace(): boolean
}

/** Opens the file; {@link prepareDatabase} must follow before its first use. */
export function openDatabaseFile(path: string): DatabaseFile {
  ensureFile(path)
  let db: Database.Database
  try {
    db = new Database(path)
  } catch (error) {
    throw translateDriverError(path, error)
  }
  const opened = statSync(path, { throwIfNoEntry: false })
  const isInPlace = (): boolean => {
    const now = statSync(path, { throwIfNoEntry: false })
    return now !== undefined && now.ino === opened?.ino && now.dev === opened.dev
  }
  return { db, isInPlace }
}

/**
 * Verifies that the file is ours, brings the schema up to date, then turns on WAL. May throw a busy error while
 * another process does the same; it can be repeated at any time.
 *
 * Whatever can meet a lock goes through `exec`: a prepared statement of this driver that met one stays active,
 * and with it the snapshot that later reads would see.
 */
export function prepareDatabase({ db }: DatabaseFile, path: string): void {
  // Blocks the event loop for at most this long at a time; longer waits are asynchronous.
  db.exec('PRAGMA busy_timeout = 5')
  db.exec('BEGIN IMMEDIATE')
  try {
    migrate(db, path)
    db.exec('COMMIT')
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK')
    throw error
  }
  db.exec('PRAGMA journal_mode = WAL')
  const [row] = db.prepare('PRAGMA journal_mode').all() as { journal_mode: string }[]
  if (row?.journal_mode !== 'wal') {
    const problem = 'is on a file system without shared memory. Put it on a local disk.'
    throw unusableFile(path, problem, 'NO_SHARED_MEMORY')
  }
  // A commit is on the disk before it is answered; spent tokens and removed grants are overwritten.
  db.exec('PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;')
  withdrawFromOthers(path)
}
