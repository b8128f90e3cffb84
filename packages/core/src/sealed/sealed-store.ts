import { optionError } from '../check-options.js'
import type { GrantRecord, Superseded, Timed, TokenStore } from '../store/token-store.js'
import { type Clock, systemClock } from '../time/clock.js'
import { isKeyring, type Keyring } from './keyring.js'
import { assertRetirable, countKeys, type KeysInUse } from './keys-in-use.js'
import { type ResealOptions, type ResealResult, reseal } from './reseal.js'
import { currentKey, isSealed, open, seal } from './seal.js'
import { unsealedRecord } from './seal-errors.js'
import type { WalkOptions } from './walk.js'

/** What {@link sealed} takes besides store and keyring. */
export interface SealOptions {
  /**
   * What to do with a record that was stored before the store was sealed. `refuse`: `STORE_UNUSABLE` with reason
   * `unsealed_record`. `read`: take it as it is, and let `reseal()` seal it; for the time of a migration only, because
   * meanwhile whoever can write to the store can plant a record. @defaultValue 'refuse'
   */
  readonly unsealedRecords?: 'refuse' | 'read'
  /** @defaultValue the runtime's clock */
  readonly clock?: Clock
}

/** A store whose secrets lie sealed in another one. */
export interface SealedStore extends TokenStore {
  /**
   * Seals everything of one provider with the current key: what an older key sealed, and with `unsealedRecords: 'read'`
   * what is not sealed yet. Safe while the fleet runs: a swap happens only where nothing was stored meanwhile. May be
   * stopped at any time and repeated; `after` goes on from where `onProgress` was last.
   *
   * @throws EvergrantError `STORE_UNAVAILABLE` (also: `key_unavailable`); the `signal`'s reason
   */
  reseal(options: ResealOptions): Promise<ResealResult>

  /**
   * Reads every record of one provider and counts the keys that sealed them.
   *
   * @throws EvergrantError `STORE_UNAVAILABLE`; the `signal`'s reason
   */
  keysInUse(options: WalkOptions): Promise<KeysInUse>

  /**
   * Resolves when no record of this provider needs the key: then it may leave the keyrings, if no process of the fleet
   * has it as `current` any more. Ask every store that has the key, for every provider.
   *
   * @throws EvergrantError `STORE_UNUSABLE` with reason `key_in_use`: it is current, or a record needs it;
   *   `STORE_UNAVAILABLE`; the `signal`'s reason
   */
  assertRetirable(kid: string, options: WalkOptions): Promise<void>
}

/**
 * Keeps the `secret` of every record encrypted in `store` (JWE, A256GCM), bound to provider, grant id, chain and
 * generation: a row that is copied to another grant, or put back from an earlier authorization or link, does not open.
 * Everything else (ids, instants, states, attempts) stays plain, for the store works with it.
 *
 * A key that is missing, wrong or away is an error of that call and changes nothing: no grant is marked dead, no token
 * is sent. Nothing is sent either while the current key cannot be had, for the successor could not be stored.
 *
 * Compose with `escrowed` as `escrowed(sealed(remote, ring), sealed(local, ring))`: each keeps its own records sealed.
 *
 * @param store - where the sealed records lie
 * @param ring - made by {@link keyring}
 * @throws TypeError naming the option that is wrong
 */
export function sealed(store: TokenStore, ring: Keyring, options: SealOptions = {}): SealedStore {
  const { unsealedRecords = 'refuse', clock = systemClock } = options
  if (!isKeyring(ring)) throw optionError('ring', 'must come from keyring()')
  if (unsealedRecords !== 'refuse' && unsealedRecords !== 'read') {
    throw optionError('unsealedRecords', "must be 'refuse' or 'read'")
  }

  async function openSecret(record: GrantRecord): Promise<string> {
    if (isSealed(record.secret)) return open(ring, record, record.secret)
    if (unsealedRecords === 'read') return record.secret
    throw unsealedRecord(record)
  }

  /** @param written - what we have just sealed: no need to open it */
  async function opened(
    record: GrantRecord,
    written?: { text: string; secret: string },
  ): Promise<GrantRecord> {
    const secret = record.secret === written?.text ? written.secret : await openSecret(record)
    return { ...record, secret }
  }

  async function openSuperseded<A extends { readonly status: string }>(
    answer: Timed<A | Superseded>,
  ): Promise<Timed<A | Superseded>> {
    return answer.status === 'superseded' && 'record' in answer
      ? { ...answer, record: await opened(answer.record) }
      : answer
  }

  const walked = { store, ring, clock }
  const resealed = { ...walked, openSecret }

  return {
    async load(key) {
      await currentKey(ring)
      const answer = await store.load(key)
      return answer.record ? { ...answer, record: await opened(answer.record) } : answer
    },

    async save(request) {
      const text = await seal(ring, request, request.secret)
      const answer = await store.save({ ...request, secret: text })
      if (answer.status === 'missing') return answer
      return { ...answer, record: await opened(answer.record, { text, secret: request.secret }) }
    },

    async acquire(request) {
      await currentKey(ring)
      const answer = await store.acquire(request)
      if (answer.status !== 'acquired') return openSuperseded(answer)
      try {
        return { ...answer, record: await opened(answer.record) }
      } catch (error) {
        // Another process may have the key: it need not wait for the end of a lease that nobody can use.
        const isArmed = answer.record.attempts.some(({ id }) => id === request.attempt)
        if (!isArmed) await store.release({ ...request, outcome: 'not-sent' })
        throw error
      }
    },

    async arm(request) {
      await currentKey(ring)
      return openSuperseded(await store.arm(request))
    },

    async commit(request) {
      const { next } = request
      const text = await seal(ring, { ...request, generation: request.generation + 1 }, next.secret)
      const answer = await store.commit({ ...request, next: { ...next, secret: text } })
      if (answer.status === 'missing') return answer
      return { ...answer, record: await opened(answer.record, { text, secret: next.secret }) }
    },

    fail: async (request) => openSuperseded(await store.fail(request)),

    async replaceSecret(request) {
      const to = await seal(ring, request, request.to)
      for (;;) {
        const { record } = await store.load(request)
        if (!record) return { status: 'missing' }
        const same = record.chain === request.chain && record.generation === request.generation
        if (!same || (await openSecret(record)) !== request.from) return { status: 'changed' }
        const answer = await store.replaceSecret({ ...request, from: record.secret, to })
        // Sealed anew meanwhile, maybe: then it is still the same secret.
        if (answer.status !== 'changed') return answer
      }
    },

    async remove(request) {
      const { record } = await store.remove(request)
      // What is removed is removed: a caller that cannot read it cannot revoke it, and sees that.
      return { record: record && (await opened(record).catch(() => record)) }
    },

    reseal: (request) => reseal(resealed, request),
    keysInUse: (request) => countKeys(walked, request),
    assertRetirable: (kid, request) => assertRetirable(walked, kid, request),

    release: (request) => store.release(request),
    takeBudget: (request) => store.takeBudget(request),
    penalize: (request) => store.penalize(request),
    claimDue: (request) => store.claimDue(request),
    list: (request) => store.list(request),
    ...(store.watch && { watch: (watcher) => store.watch?.(watcher) as Promise<() => Promise<void>> }),
  }
}
