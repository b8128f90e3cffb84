import { EvergrantError } from '@evergrant/core'
import { foreignTables, newerSchema } from './schema.js'

/** What the driver says in a form that is safe to look at: its message may quote a token. */
function codeOf(error: unknown): string | undefined {
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown }
  return typeof code === 'string' && /^\w{2,40}$/.test(code) ? code : undefined
}

const isSqlState = (code: string): boolean => /^[0-9A-Z]{5}$/.test(code)

/** The server undid the step and asks for another try: it happened for certain not at all. */
export function isUndone(error: unknown): boolean {
  const code = codeOf(error)
  return code === '40001' || code === '40P01'
}

const missingSchema =
  'The tables or functions of the store are missing. Run migrate() of @evergrant/store-postgres with the same ' +
  '`schema` and `tablePrefix`; if a newer version of it has run, upgrade the package.'

/** Failures that last until somebody acts: by SQLSTATE, then by its class. */
const unusable: Readonly<Record<string, string>> = {
  [newerSchema]: 'The schema was made by a newer @evergrant/store-postgres. Upgrade the package.',
  [foreignTables]:
    'Tables of these names exist already and are not ours. Choose another `schema` or `tablePrefix`.',
  '0A': 'This server cannot do what the store needs. Use PostgreSQL 13 or newer.',
  '22': 'The server refused a value. Its encoding must be UTF8.',
  '28': 'The server refused the credentials of the pool.',
  '2D': 'The pool runs statements inside a transaction of its own. Pass a pool that does not.',
  '3D': 'The database of the pool does not exist.',
  '3F': missingSchema,
  '42': 'The server does not understand the store. Run migrate() of @evergrant/store-postgres.',
  '42501': 'The role of the pool lacks a permission. The README of @evergrant/store-postgres lists them.',
  '42703': missingSchema,
  '42883': missingSchema,
  '42P01': missingSchema,
  '42704': missingSchema,
}

const unavailable: Readonly<Record<string, string>> = {
  '08': 'The connection to the server failed.',
  '25': 'The server takes no writes: it is a standby or read-only.',
  '40': 'The server undid the step for the sake of others, several times.',
  '53': 'The server is out of connections, memory or disk.',
  '54': 'The server is at a limit of its own (is its queue of notifications full?).',
  '55': 'The grant stayed locked for longer than `lock_timeout`.',
  '57': 'The server is stopping or starting, or a timeout of its own ended the step.',
}

/**
 * Says in our words what the driver met. Its own error is never attached: it holds the parameters that the
 * server refused, and nobody can promise for every version that its message holds none.
 */
export function translateError(error: unknown): EvergrantError {
  if (error instanceof EvergrantError) return error
  const code = codeOf(error)
  if (code === undefined || !isSqlState(code)) {
    // A system error, or one of the pool's and driver's own, which have no code.
    return unavailableStore('The server cannot be reached.', code ?? 'NO_CONNECTION')
  }
  const forGood = unusable[code] ?? unusable[code.slice(0, 2)]
  if (forGood !== undefined) return unusableStore(forGood, code)
  return unavailableStore(unavailable[code.slice(0, 2)] ?? 'The server failed.', code)
}

/** A failure that somebody has to end. */
export function unusableStore(problem: string, reason: string): EvergrantError {
  return new EvergrantError('STORE_UNUSABLE', `PostgreSQL store: ${problem} (${reason})`, { reason })
}

/** A failure that may pass: the step may be repeated. */
export function unavailableStore(problem: string, reason: string): EvergrantError {
  return new EvergrantError('STORE_UNAVAILABLE', `PostgreSQL store: ${problem} (${reason})`, { reason })
}
