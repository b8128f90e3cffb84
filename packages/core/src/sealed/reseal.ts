import { isEvergrantError } from '../errors.js'
import type { GrantKey, GrantRecord, TokenStore } from '../store/token-store.js'
import type { Clock } from '../time/clock.js'
import type { Keyring } from './keyring.js'
import { isSealed, kidOf, seal } from './seal.js'
import { type WalkOptions, walk } from './walk.js'

/** Which records `reseal()` looks at, and at what pace. */
export type ResealOptions = WalkOptions

/** What `reseal()` came to. */
export interface ResealResult {
  /** Records looked at. */
  readonly done: number
  /** Sealed anew with the current key. */
  readonly resealed: number
  /** How often a rotation, an authorization or another `reseal` was faster: it has stored something newer. */
  readonly overtaken: number
  /** Records that stay as they were because they do not open: their key is missing, or they were changed. */
  readonly unreadable: number
  /** Ids of the first 100 of these. */
  readonly unreadableGrantIds: readonly string[]
}

interface Resealed {
  readonly store: TokenStore
  readonly ring: Keyring
  readonly clock: Clock
  readonly openSecret: (record: GrantRecord) => Promise<string>
}

const NAMED = 100

/** @see SealedStore.reseal */
export async function reseal(sealed: Resealed, options: ResealOptions): Promise<ResealResult> {
  const { store, ring, openSecret } = sealed
  let resealed = 0
  let overtaken = 0
  let unreadable = 0
  const unreadableGrantIds: string[] = []

  async function resealOne(key: GrantKey): Promise<void> {
    for (;;) {
      const { record } = await store.load(key)
      if (!record || (isSealed(record.secret) && kidOf(record.secret) === ring.current)) return
      const to = await seal(ring, record, await openSecret(record))
      const { provider, grantId, chain, generation, secret: from } = record
      const { status } = await store.replaceSecret({ provider, grantId, chain, generation, from, to })
      if (status === 'replaced') resealed += 1
      if (status !== 'changed') return
      // Lost against something newer, which a process with an older current key may have written: look again.
      overtaken += 1
    }
  }

  const done = await walk(sealed, options, async (key) => {
    try {
      await resealOne(key)
    } catch (error) {
      // One that does not open must not keep the others from it.
      if (!isEvergrantError(error, 'STORE_UNUSABLE') || error.grantId === undefined) throw error
      unreadable += 1
      if (unreadableGrantIds.length < NAMED) unreadableGrantIds.push(key.grantId)
    }
  })
  return { done, resealed, overtaken, unreadable, unreadableGrantIds }
}
