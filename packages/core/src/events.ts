import type { EvergrantErrorCode } from './errors.js'

interface OfGrant {
  readonly provider: string
  readonly grantId: string
}

interface OfLink extends OfGrant {
  readonly chain: string
  readonly generation: number
}

/** What a token manager reports: names and numbers, never a token. */
export type EvergrantEvent =
  /** A new authorization was stored. */
  | (OfLink & { readonly type: 'grant.saved' })
  /** This process spent the refresh token of the generation before and stored its successor. */
  | (OfLink & { readonly type: 'grant.rotated'; readonly tookMs: number })
  /** Another process (or authorization) was faster: its link is used. */
  | (OfLink & { readonly type: 'grant.adopted' })
  /** A successor was read and could not be stored yet; it is kept and tried again. */
  | (OfLink & { readonly type: 'grant.commit_delayed' })
  /** A successor was read after a newer authorization or removal: it is not used. */
  | (OfLink & { readonly type: 'grant.successor_dropped' })
  /** A try failed; the grant is as it was. */
  | (OfLink & {
      readonly type: 'grant.rotation_failed'
      readonly code: EvergrantErrorCode
      readonly reason: string | undefined
      readonly retryAfterMs: number | undefined
    })
  /** The refresh token was sent and no reply was read. */
  | (OfLink & { readonly type: 'grant.outcome_unknown'; readonly reason: string })
  /** Keep-alive is behind: at this pace the grant lapses before its turn comes. `planRenewals` tells why. */
  | (OfLink & {
      readonly type: 'grant.renewal_late'
      readonly overdueMs: number
      readonly lapsesInMs: number
    })
  /** The grant is dead: the user must authorize again. */
  | (OfLink & { readonly type: 'grant.reauthorization_required'; readonly reason: string })
  /** An API refused a token of this link. */
  | (OfLink & { readonly type: 'token.rejected' })
  /** The store holds an older link than one that was stored: it lost a write. */
  | (OfLink & { readonly type: 'store.rolled_back'; readonly storedGeneration: number })
  | (OfGrant & { readonly type: 'grant.removed' })
  /** The provider refuses our client credentials: nothing is sent until a probe succeeds. */
  | { readonly type: 'client.rejected'; readonly provider: string; readonly retryAfterMs: number }
  | { readonly type: 'client.accepted'; readonly provider: string }
  /** Commit notices cannot be had; waiting falls back on looking again. */
  | { readonly type: 'store.watch_failed'; readonly provider: string }

/** Must not throw; what it throws is discarded, so that an observer cannot break a rotation. */
export type EventListener = (event: EvergrantEvent) => void
