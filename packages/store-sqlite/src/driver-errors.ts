import { EvergrantError } from '@evergrant/core'

/** What the driver throws for a failed statement. */
interface DriverError extends Error {
  readonly code: string
}

/** Whether the driver threw this (and not our own code inside a transaction). */
export function isDriverError(error: unknown): error is DriverError {
  if (!(error instanceof Error) || error.name === 'TypeError') return false
  return 'code' in error && typeof error.code === 'string' && error.code.startsWith('SQLITE_')
}

/** Another process is writing, recovering or opening: worth another try in a moment. */
export function isBusy(error: unknown): boolean {
  return isDriverError(error) && /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(error.code)
}

const unusable: Readonly<Record<string, string>> = {
  SQLITE_NOTADB: 'is not an SQLite database (or is encrypted). Name another file.',
  SQLITE_CORRUPT: 'is damaged. Restore it from a backup, or move it away and authorize again.',
  SQLITE_READONLY: 'cannot be written. Give this process write access to the file and its folder.',
  SQLITE_PERM: 'cannot be accessed. Give this process read and write access to the file and its folder.',
  SQLITE_AUTH: 'cannot be accessed. Give this process read and write access to the file and its folder.',
}

const unavailable: Readonly<Record<string, string>> = {
  SQLITE_FULL: 'cannot grow: the disk is full.',
  SQLITE_IOERR: 'cannot be read or written just now (I/O error).',
  SQLITE_NOMEM: 'cannot be used just now: out of memory.',
  SQLITE_CANTOPEN: 'cannot be opened just now (too many open files?).',
}

/** A failure that the operator has to end: the file, its folder or the option `path` is wrong. */
export function unusableFile(path: string, problem: string, reason: string): EvergrantError {
  return new EvergrantError('STORE_UNUSABLE', `The file of option \`path\` (${path}) ${problem}`, { reason })
}

/** A failure that may pass: the step may be repeated. */
export function unavailableFile(path: string, problem: string, reason: string): EvergrantError {
  return new EvergrantError('STORE_UNAVAILABLE', `The file of option \`path\` (${path}) ${problem}`, {
    reason,
  })
}

/**
 * Says in our words what the driver met. The driver's own error is never attached: nobody can promise for
 * every version of it that it quotes no values.
 */
export function translateDriverError(path: string, error: unknown): EvergrantError {
  // Opening fails with a plain Error whose text ends in the result code.
  const code = isDriverError(error) ? error.code : 'SQLITE_CANTOPEN'
  const family = /^SQLITE_[A-Z]+/.exec(code)?.[0] ?? code
  const forGood = unusable[family]
  if (forGood) return unusableFile(path, forGood, code)
  return unavailableFile(path, unavailable[family] ?? `failed (${code}).`, code)
}
