import type { GrantKey, GrantRecord, GrantSummary, SendAttempt } from '@evergrant/core'
import { unusable } from './redis-errors.js'

/** An instant, a duration or a count as a script reads it. */
export function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'inf'
  return value === Number.NEGATIVE_INFINITY ? '-inf' : String(value)
}

/** As {@link numberText}; `null` is empty. */
export const instantText = (value: number | null): string => (value === null ? '' : numberText(value))

/** Reads what {@link numberText} or a script wrote. */
export function readNumber(value: unknown): number {
  const text = String(value)
  const number = text === 'inf' ? Number.POSITIVE_INFINITY : Number(text)
  if (value === null || text === '' || Number.isNaN(number)) throw unusable('DAMAGED_ROW')
  return number
}

/** What must be stored for a step to be done, as the scripts compare it. */
export const expectedText = (chain: string | null | undefined): string =>
  chain === undefined ? 'any' : chain === null ? 'none' : `chain ${chain}`

/** A client may be set to answer in buffers. */
const readText = (value: unknown): string => String(value)
const readInstant = (value: unknown): number | null => (String(value) === '' ? null : readNumber(value))

/** A secret as it is stored: ASCII-safe JSON keeps every string, also one that is no well-formed Unicode. */
export const secretText = (secret: string): string => JSON.stringify(secret)

function readSecret(value: unknown): string {
  try {
    return JSON.parse(String(value)) as string
  } catch {
    throw unusable('DAMAGED_ROW') // The parser's own error would quote the secret.
  }
}

/** The id of an attempt without the characters that separate attempts (see grant-lua.ts). */
export const attemptText = (id: string): string =>
  id.replace(/[%; \s]/g, (character) => `%u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

const readAttemptId = (text: string): string =>
  text.replace(/%u([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

function readAttempts(value: unknown): SendAttempt[] {
  return String(value)
    .split(';')
    .slice(0, -1)
    .map((each) => {
      const [id = '', armedAtMs, state] = each.split(' ')
      if (state !== 'open' && state !== 'lost') throw unusable('DAMAGED_ROW')
      return { id: readAttemptId(id), armedAtMs: readNumber(armedAtMs), state }
    })
}

/** Reads the fields in the order in which the scripts give them; `undefined`: the grant is gone. */
export function readSummary(key: GrantKey, fields: unknown): GrantSummary | undefined {
  const [chain, generation, expires, renew, state, reason, attempts, sends, committed] = fields as unknown[]
  if (chain === null || chain === undefined) return undefined
  return {
    provider: key.provider,
    grantId: key.grantId,
    chain: readText(chain),
    generation: readNumber(generation),
    expiresAtMs: readInstant(expires),
    renewAtMs: readInstant(renew),
    state: String(state) === 'dead' ? 'dead' : 'live',
    ...(reason === null || reason === undefined ? {} : { reason: readText(reason) }),
    attempts: readAttempts(attempts),
    sends: readNumber(sends),
    committedAtMs: readNumber(committed),
  }
}

/** As {@link readSummary}, with the secret, which comes last. */
export function readRecord(key: GrantKey, fields: unknown): GrantRecord {
  const summary = readSummary(key, fields)
  if (summary === undefined) throw unusable('DAMAGED_ROW')
  return { ...summary, secret: readSecret((fields as unknown[]).at(-1)) }
}
