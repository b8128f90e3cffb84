import type { AccessToken } from '../access-token.js'
import type { EvergrantError } from '../errors.js'
import type { ManagerContext } from '../manager/context.js'
import { freshUntilMs } from '../rotation/freshness.js'
import type { Rotation } from '../rotation/rotation.js'
import type { GrantKey, GrantLink, ReleaseOutcome } from '../store/token-store.js'
import type { Mark } from '../time/clock.js'
import type { KnownGrant } from './grant-tokens.js'

/** What this process knows and does of one grant. */
export interface GrantEntry {
  readonly key: GrantKey
  /** The provider kills an access token when its successor is issued. */
  readonly killsOldToken: boolean
  known: KnownGrant | undefined
  /**
   * Store clock of the answer that `known` came with, or that told of its removal, and how many questions had been
   * asked by then.
   */
  knownAtMs: number
  knownAfter: number
  /** The same, of the first answer that told of the known chain. */
  chainKnownAfter: number
  /** The chain that `revoke()` removed: answers to what was asked before may still name it. */
  removedChain: string | undefined
  /** Handed out without a second thought until `readyUntilMs`: the path without I/O. */
  ready: Promise<AccessToken> | undefined
  readyUntilMs: number
  /** Callers who asked for a token at the same moment and wait as one. */
  gathering: { readonly since: Mark; readonly token: Promise<AccessToken> } | undefined
  loading: Promise<void> | undefined
  rotation: Rotation | undefined
  /** A notice named a link that is not ours, or answers crossed: look before handing out. */
  stale: boolean
  /** How many questions had been asked when it became stale: only a later one can mend it ... */
  staleAfter: number
  /** ... or the very link that the notice named. */
  noticed: GrantLink | undefined
  /** An API refused the token of the known link. */
  rejected: boolean
  /** Last look at the store because of a 401, or of a failure that lasts. */
  lookedAt: Mark | undefined
  /** Why the last rotation failed, and how long to leave it alone. */
  failure:
    | {
        readonly error: EvergrantError
        readonly at: Mark
        readonly forMs: number
        /** Nobody should wait for it to pass. */
        readonly giveUp: boolean
      }
    | undefined
  /** No rotation in the background for this long. */
  quiet: { readonly at: Mark; readonly forMs: number } | undefined
  failures: number
  /** Our attempt until its bytes leave: a step whose answer was lost is repeated with the same id. */
  attempt: string | undefined
  /** A release that the store has not answered yet. */
  unreleased: (GrantLink & { readonly attempt: string; readonly outcome: ReleaseOutcome }) | undefined
  /** Attempts of this process that have ended, whatever the store still says of them. */
  readonly ended: Set<string>
  /** A successor was read and the store has not said yet that it has it. */
  inHand: boolean
  /** The store could not take it; callers of this process work with it already. */
  uncommitted: boolean
  /** Touched since the cache last looked for something to forget. */
  used: boolean
}

/** @param since - the last time that something was forgotten: what was asked before may be of before that */
export function createGrantEntry(
  key: GrantKey,
  killsOldToken: boolean,
  since: Pick<GrantEntry, 'knownAtMs' | 'knownAfter'> = { knownAtMs: 0, knownAfter: 0 },
): GrantEntry {
  return {
    key,
    killsOldToken,
    known: undefined,
    knownAtMs: since.knownAtMs,
    knownAfter: since.knownAfter,
    chainKnownAfter: 0,
    removedChain: undefined,
    ready: undefined,
    readyUntilMs: 0,
    gathering: undefined,
    loading: undefined,
    rotation: undefined,
    stale: false,
    staleAfter: 0,
    noticed: undefined,
    rejected: false,
    lookedAt: undefined,
    failure: undefined,
    quiet: undefined,
    failures: 0,
    attempt: undefined,
    unreleased: undefined,
    ended: new Set(),
    inHand: false,
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

type Questions = ManagerContext['questions']

/** Nothing is handed out before the store was asked again. */
export function markStale(questions: Questions, entry: GrantEntry): void {
  entry.stale = true
  entry.staleAfter = questions.asked
  prepare(entry)
}

/** Makes the token ready to be handed out, or takes it back while it is being replaced. */
export function prepare(entry: GrantEntry): void {
  entry.gathering = undefined
  const { known } = entry
  const ready = known?.accessToken !== undefined && !entry.stale && !isReplacing(entry)
  entry.ready = ready ? Promise.resolve(known.accessToken as AccessToken) : undefined
  entry.readyUntilMs = ready ? freshUntilMs(known) : 0
}

/** The token at hand is known to be bad, or about to be, and its replacement is on the way. */
export function isReplacing(entry: GrantEntry): boolean {
  const { killsOldToken } = entry
  const { rotation, known } = entry
  if (rotation === undefined || known === undefined) return false
  return entry.rejected || (killsOldToken && rotation.hasSent(known.record))
}
