import type { AccessToken } from '../access-token.js'
import type { EvergrantError } from '../errors.js'
import { freshUntilMs } from '../rotation/freshness.js'
import type { Rotation } from '../rotation/rotation.js'
import type { GrantKey, GrantLink, GrantRecord } from '../store/token-store.js'
import type { Mark } from '../time/clock.js'
import { type KnownGrant, knowGrant } from './grant-tokens.js'

/** What this process knows and does of one grant. */
export interface GrantEntry {
  readonly key: GrantKey
  known: KnownGrant | undefined
  /** Store clock of the answer that `known` came with. */
  knownAtMs: number
  /** Handed out without a second thought until `readyUntilMs`: the path without I/O. */
  ready: Promise<AccessToken> | undefined
  readyUntilMs: number
  loading: Promise<void> | undefined
  rotation: Rotation | undefined
  /** A notice named a link that is not ours: look before handing out. */
  stale: boolean
  /** An API refused the token of the known link. */
  rejected: boolean
  /** Last look at the store because of a 401. */
  lookedAt: Mark | undefined
  /** Why the last rotation failed, and how long to leave it alone. */
  failure: { readonly error: EvergrantError; readonly at: Mark; readonly forMs: number } | undefined
  /** No rotation in the background for this long. */
  quiet: { readonly at: Mark; readonly forMs: number } | undefined
  failures: number
  /** Attempts of this process that have ended, whatever the store still says of them. */
  readonly ended: Set<string>
  /** A successor that the store does not have yet. */
  uncommitted: boolean
  /** Touched since the cache last looked for something to forget. */
  used: boolean
}

export function createGrantEntry(key: GrantKey): GrantEntry {
  return {
    key,
    known: undefined,
    knownAtMs: 0,
    ready: undefined,
    readyUntilMs: 0,
    loading: undefined,
    rotation: undefined,
    stale: false,
    rejected: false,
    lookedAt: undefined,
    failure: undefined,
    quiet: undefined,
    failures: 0,
    ended: new Set(),
    uncommitted: false,
    used: true,
  }
}

export const linkOf = ({ provider, grantId, chain, generation }: GrantLink): GrantLink => ({
  provider,
  grantId,
  chain,
  generation,
})

export const isSameLink = (
  a: Pick<GrantLink, 'chain' | 'generation'>,
  b: Pick<GrantLink, 'chain' | 'generation'>,
): boolean => a.chain === b.chain && a.generation === b.generation

/** What became of a record that the store gave us. */
export type Adoption = 'same' | 'adopted' | 'outdated' | 'rolled-back'

/**
 * Takes over what the store holds. An answer older than what is known is outdated; a lower generation of the
 * known chain means that the store lost a write, and is never taken over.
 */
export function adopt(entry: GrantEntry, record: GrantRecord, nowMs: number): Adoption {
  const known = entry.known?.record
  const same = known !== undefined && isSameLink(known, record)
  if (known !== undefined && !same) {
    if (known.chain === record.chain && record.generation < known.generation) {
      return nowMs < entry.knownAtMs ? 'outdated' : 'rolled-back'
    }
    if (known.chain !== record.chain && nowMs < entry.knownAtMs) return 'outdated'
  }
  entry.known = knowGrant(record)
  entry.knownAtMs = nowMs
  entry.stale = false
  if (!same) {
    entry.rejected = false
    entry.failure = undefined
    entry.quiet = undefined
    entry.failures = 0
    entry.ended.clear()
  }
  prepare(entry)
  return same ? 'same' : 'adopted'
}

/** Makes the token ready to be handed out, or takes it back while it is being replaced. */
export function prepare(entry: GrantEntry): void {
  const { known } = entry
  const ready = known?.accessToken !== undefined && !entry.stale && !isReplacing(entry)
  entry.ready = ready ? Promise.resolve(known.accessToken as AccessToken) : undefined
  entry.readyUntilMs = ready ? freshUntilMs(known) : 0
}

/** The token at hand is known to be bad, or about to be, and its replacement is on the way. */
export function isReplacing(entry: GrantEntry): boolean {
  return entry.rotation !== undefined && (entry.rejected || entry.rotation.killsOldToken)
}

/** A notice of the store: wakes whoever waits, and marks what is known as stale if it names another link. */
export function notice(entry: GrantEntry, link: GrantLink): void {
  const known = entry.known?.record
  const older = known?.chain === link.chain && link.generation <= known.generation
  const news = known !== undefined && !older
  if (news) {
    entry.stale = true
    prepare(entry)
  }
  entry.rotation?.wake(news ? 'news' : 'lease-free')
}
