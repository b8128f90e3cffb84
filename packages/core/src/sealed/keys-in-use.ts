import { optionError } from '../check-options.js'
import type { TokenStore } from '../store/token-store.js'
import type { Clock } from '../time/clock.js'
import type { Keyring } from './keyring.js'
import { isSealed, kidOf } from './seal.js'
import { isKid, keyInUse } from './seal-errors.js'
import { type WalkOptions, walk } from './walk.js'

/** Which keys the records of a store need. */
export interface KeysInUse {
  /** How many records each key sealed, by `kid`; also keys that the keyring lacks. */
  readonly records: ReadonlyMap<string, number>
  readonly unsealed: number
  /** Sealed, but damaged so that not even the key's name is left. */
  readonly damaged: number
}

interface Walked {
  readonly store: TokenStore
  readonly ring: Keyring
  readonly clock: Clock
}

/** @see SealedStore.keysInUse */
export async function countKeys(walked: Walked, options: WalkOptions): Promise<KeysInUse> {
  const records = new Map<string, number>()
  let unsealed = 0
  let damaged = 0
  await walk(walked, options, async (key) => {
    const { record } = await walked.store.load(key)
    if (!record) return
    const kid = kidOf(record.secret)
    if (!isSealed(record.secret)) unsealed += 1
    else if (!isKid(kid)) damaged += 1
    else records.set(kid, (records.get(kid) ?? 0) + 1)
  })
  return { records, unsealed, damaged }
}

/** @see SealedStore.assertRetirable */
export async function assertRetirable(walked: Walked, kid: string, options: WalkOptions): Promise<void> {
  if (!isKid(kid)) throw optionError('kid', 'must be the id of a key')
  if (options.after !== undefined)
    throw optionError('after', 'must be absent: all records have to be looked at')
  if (kid === walked.ring.current) throw keyInUse(kid, 'it is the current one')
  const { records, damaged } = await countKeys(walked, options)
  const count = records.get(kid) ?? 0
  if (count > 0) throw keyInUse(kid, `${count} records need it`)
  if (damaged > 0) throw keyInUse(kid, `of ${damaged} damaged records nobody knows which key they need`)
}
