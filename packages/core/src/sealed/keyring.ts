import { checkNumber, optionError } from '../check-options.js'
import { hideFromInspect } from '../secret.js'
import { type Clock, MAX_TIMER_MS, systemClock } from '../time/clock.js'
import { importSealingKey, type KeyMaterial, readKeyMaterial } from './key-material.js'
import { type KeyFunction, keyFromService } from './key-service.js'
import { isKid } from './seal-errors.js'

/** A key that secrets are sealed with, and its name in what it has sealed. */
export interface SealingKey {
  /** Name of the key, written into every record that it seals: 1–64 of `A–Z a–z 0–9 _ . : -`. Never use one twice. */
  readonly kid: string
  /** 32 random bytes; their text in base64, base64url or hex; or a function that fetches either (a KMS). */
  readonly key: KeyMaterial | KeyFunction
}

/** What {@link keyring} takes. */
export interface KeyringOptions {
  /** `kid` of the key that seals from now on. */
  readonly current: string
  /** All keys that may still be needed to open what is stored. */
  readonly keys: readonly SealingKey[]
  /** How long a key function may take, milliseconds. @defaultValue 3_000 */
  readonly timeoutMs?: number
  /** @defaultValue the runtime's clock */
  readonly clock?: Clock
}

type KeyGetter = () => Promise<CryptoKey>

let gettersOf: (ring: Keyring) => ReadonlyMap<string, KeyGetter>

/** Keys that seal records: a value that cannot print them. Made by {@link keyring}. */
class Keyring {
  readonly #keys: ReadonlyMap<string, KeyGetter>
  /** `kid` of the key that seals. */
  readonly current: string

  constructor(current: string, keys: ReadonlyMap<string, KeyGetter>) {
    this.current = current
    this.#keys = keys
    Object.freeze(this)
  }

  /** The ids of all keys, in the order in which they were given. */
  get kids(): readonly string[] {
    return [...this.#keys.keys()]
  }

  toString(): string {
    return `[Keyring current ${this.current}, ${this.#keys.size} keys]`
  }

  toJSON(): string {
    return this.toString()
  }

  static {
    gettersOf = (ring) => ring.#keys
    hideFromInspect(Keyring.prototype)
  }
}

export type { Keyring }

export const isKeyring = (value: unknown): value is Keyring => value instanceof Keyring

/** `undefined`: the ring has no key of this id. */
export const keyOf = (ring: Keyring, kid: string): Promise<CryptoKey> | undefined =>
  gettersOf(ring).get(kid)?.()

/**
 * The keys of {@link sealed}. Bytes and texts become non-extractable keys of the runtime at once and are kept nowhere
 * else; a key function is called at the first use of its key, one call at a time, and its answer is kept for the life
 * of the process. One that fails or does not answer within `timeoutMs` is `STORE_UNAVAILABLE`, asked again a second
 * later at the earliest.
 *
 * One key seals 2^32 records (NIST SP 800-38D): a million grants renewed every hour for half a year.
 *
 * ```ts
 * keyring({ current: '2026-11', keys: [{ kid: '2026-11', key: process.env.EVERGRANT_KEY }] })
 * ```
 *
 * @throws TypeError naming the option that is wrong
 */
export function keyring(options: KeyringOptions): Keyring {
  const { current, keys, clock = systemClock } = options
  const timeoutMs = checkNumber('timeoutMs', options.timeoutMs ?? 3_000, { min: 1, max: MAX_TIMER_MS })
  if (!Array.isArray(keys)) throw optionError('keys', 'must be a list of { kid, key }')
  const getters = new Map<string, KeyGetter>()
  for (const [i, given] of (keys as readonly (Partial<SealingKey> | undefined)[]).entries()) {
    const { kid, key } = given ?? {}
    if (!isKid(kid)) throw optionError(`keys[${i}].kid`, 'must be 1 to 64 letters, digits or _ . : -')
    if (getters.has(kid)) throw optionError(`keys[${i}].kid`, `must not repeat '${kid}'`)
    getters.set(kid, getterOf(`keys[${i}].key`, kid, key, timeoutMs, clock))
  }
  if (!getters.has(current)) throw optionError('current', 'must be the kid of one of the keys')
  return new Keyring(current, getters)
}

function getterOf(name: string, kid: string, given: unknown, timeoutMs: number, clock: Clock): KeyGetter {
  if (typeof given === 'function') return keyFromService(kid, given as KeyFunction, timeoutMs, clock)
  const bytes = readKeyMaterial(given)
  if (!bytes) throw optionError(name, 'must be 32 bytes, their base64, base64url or hex text, or a function')
  const key = importSealingKey(bytes)
  key.catch(() => {}) // Whoever uses the key hears of it.
  return () => key
}
