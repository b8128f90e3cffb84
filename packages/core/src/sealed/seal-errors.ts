/**
 * Why a record cannot be read. None of these says anything about the grant: nothing is rotated, nothing marked dead,
 * and all is well again when the right key is there.
 */
import { EvergrantError } from '../errors.js'
import type { GrantKey } from '../store/token-store.js'

const unusable = (message: string, reason: string, key?: GrantKey): EvergrantError =>
  new EvergrantError('STORE_UNUSABLE', message, { reason, grantId: key?.grantId })

export const unsealedRecord = (key: GrantKey): EvergrantError =>
  unusable(
    'The stored secret of this grant is not sealed, and unsealed ones are refused',
    'unsealed_record',
    key,
  )

/** @param kid - from the record, which anyone may have written */
export function unknownKey(key: GrantKey, kid: unknown): EvergrantError {
  const named = isKid(kid) ? ` '${kid}'` : ''
  return unusable(
    `The stored secret of this grant is sealed with key${named}, which the keyring lacks`,
    'unknown_key',
    key,
  )
}

export const sealOfAnother = (key: GrantKey): EvergrantError =>
  unusable(
    'The stored secret of this grant was sealed for another grant or another link',
    'seal_of_another',
    key,
  )

export const brokenSeal = (key: GrantKey): EvergrantError =>
  unusable(
    'The stored secret of this grant does not open: it was changed, or the key of this id is another one',
    'broken_seal',
    key,
  )

export const keyUnusable = (kid: string): EvergrantError =>
  unusable(`The key service answered something else than 32 bytes for key '${kid}'`, 'unusable_key')

export const keyInUse = (kid: string, why: string): EvergrantError =>
  unusable(`Key '${kid}' cannot be retired: ${why}`, 'key_in_use')

export const keyAway = (kid: string, what: string, retryAfterMs: number): EvergrantError =>
  new EvergrantError('STORE_UNAVAILABLE', `The key service ${what}, asked for key '${kid}'`, {
    reason: 'key_unavailable',
    retryAfterMs: Math.ceil(retryAfterMs),
  })

/** Key ids are printed, and travel in every record. */
export const isKid = (kid: unknown): kid is string => typeof kid === 'string' && /^[\w.:-]{1,64}$/.test(kid)
