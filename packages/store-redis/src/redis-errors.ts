import { EvergrantError } from '@evergrant/core'

/** What the server says of itself; may pass. */
const passing: Readonly<Record<string, string>> = {
  LOADING: 'is loading its data',
  READONLY: 'is a replica, as after a failover. Connect to the primary',
  MASTERDOWN: 'is a replica that has lost its primary',
  CLUSTERDOWN: 'belongs to a cluster that is not complete',
  TRYAGAIN: 'is moving these keys to another node',
  MOVED: 'has given these keys to another node',
  ASK: 'is giving these keys to another node',
  OOM: 'is out of memory. Raise maxmemory, and keep maxmemory-policy noeviction',
  MISCONF: 'cannot write to its disk',
  NOREPLICAS: 'has too few replicas for min-replicas-to-write',
  BUSY: 'is busy with a long script',
  UNBLOCKED: 'has become a replica',
  TIMEOUT: 'did not answer in time; the step may have happened',
  LATE: 'received the step too late, and did not do it',
  CLIENT_CLOSED: 'is not connected: the client was closed, or `connect()` was never called',
  MAX_CLIENTS: 'has too many clients',
}

/** What somebody has to change. */
const lasting: Readonly<Record<string, string>> = {
  WRONGTYPE: 'holds other data under the names of this store. Choose another `prefix`',
  NOPERM: 'does not allow this user a command or key that the store needs. See the README for the ACL rule',
  NOAUTH: 'wants a password',
  WRONGPASS: 'does not accept the password',
  DENIED: 'is in protected mode',
  NOPROTO: 'does not speak the protocol version of the client',
  CROSSSLOT: 'has a cluster layout that this version does not know. Report this',
  SERVER_TOO_OLD: 'is too old: Redis 5.0 or newer is needed',
  DAMAGED_ROW: 'holds a record that was changed from outside',
  ERR: 'refused a script of this store',
}

function unavailable(reason: string): EvergrantError {
  const problem = passing[reason] ?? `cannot be reached (${reason})`
  return new EvergrantError('STORE_UNAVAILABLE', `Redis ${problem}.`, { reason })
}

/** A failure that the operator has to end. */
export function unusable(reason: string): EvergrantError {
  return new EvergrantError('STORE_UNUSABLE', `Redis ${lasting[reason] ?? lasting.ERR}.`, { reason })
}

/** The step was not answered in time. */
export const timedOut = (): EvergrantError => unavailable('TIMEOUT')
/** The step reached the server after its time, which did nothing. */
export const late = (): EvergrantError => unavailable('LATE')

/** Replies of this kind begin with `ERR`; what they mean is in their text. */
const plainErrors: readonly (readonly [RegExp, () => EvergrantError])[] = [
  [/max number of clients/i, () => unavailable('MAX_CLIENTS')],
  // Before 5.0, a script that has read the clock may not write.
  [/non.deterministic|unknown (redis )?command|unknown subcommand/i, () => unusable('SERVER_TOO_OLD')],
  // Inside a script, a missing permission is reported so.
  [/user executing the script/i, () => unusable('NOPERM')],
  [/NOAUTH|invalid (username-password|password)/i, () => unusable('WRONGPASS')],
]

/** The clients' own errors, which carry no code. */
const clientErrors: readonly (readonly [RegExp, string])[] = [
  [/client is closed|connection is closed|client is offline|ClientClosed/i, 'CLIENT_CLOSED'],
  [/timed? ?out|timeout/i, 'TIMEOUT'],
  [/too many cluster redirections|max(imum)? .*redirections/i, 'MOVED'],
  [/max retries per request/i, 'MAX_RETRIES'],
  [
    /socket closed|stream isn't writeable|command aborted|connection (lost|reset)|disconnects/i,
    'CONNECTION_LOST',
  ],
]

const systemCode = /^(E[A-Z_]{3,}|ERR_[A-Z_]+|[A-Z]+_[A-Z_]+)$/

/** Whether the server does not know the script, so that its text must be sent. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

/** The word that a reply of the server begins with; scripts of older servers quote it further on. */
function replyCode(message: string): string | undefined {
  const [first = ''] = /^[A-Z]{3,}(?=[ :]|$)/.exec(message) ?? []
  if (first !== '' && first !== 'ERR') return first
  const quoted = Object.keys(passing).find((code) => new RegExp(`-${code} `).test(message))
  return quoted ?? (first === '' ? undefined : first)
}

/**
 * Says in our words what client or server reported. Their own error is never attached: both clients keep the
 * command's arguments in it, and so the tokens.
 */
export function translateRedisError(error: unknown): EvergrantError {
  const { message = '', code } = error as { readonly message?: string; readonly code?: unknown }
  const reply = replyCode(message)
  if (reply === 'ERR') return plainErrors.find(([pattern]) => pattern.test(message))?.[1]() ?? unusable('ERR')
  if (reply !== undefined && reply in lasting) return unusable(reply)
  if (reply !== undefined && reply in passing) return unavailable(reply)
  if (typeof code === 'string' && systemCode.test(code)) return unavailable(code)
  const own = `${(error as Error).name} ${(error as object).constructor.name} ${message}`
  return unavailable(clientErrors.find(([pattern]) => pattern.test(own))?.[1] ?? 'UNKNOWN')
}
