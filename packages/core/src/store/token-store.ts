/**
 * The one thing that all processes of a fleet share. Every method is one atomic step: core never reads,
 * then writes. A store that cannot do a step atomically must not offer it.
 *
 * Three answers that are never the same: "not there" (`missing`), "lost the race" (`superseded`, `busy`,
 * `not-holder`) and "the store is away" (the promise rejects with `STORE_UNAVAILABLE`).
 *
 * All instants are epoch milliseconds **on the store's own clock**; every timed answer carries that clock's
 * `nowMs`. Secrets are opaque text: a store keeps them as they are and never looks inside.
 */

/** Which grant: everything is keyed by both, so two managers may share one store. */
export interface GrantKey {
  /** `provider.id` of the token manager. */
  readonly provider: string
  /** The application's own name for the grant: 1–255 bytes of UTF-8, no control characters. */
  readonly grantId: string
}

/**
 * One link of a grant's chain. A chain begins at each authorization with a random id made by core; its
 * generation counts the committed rotations. Compared by **equality of both**, never by order alone.
 */
export interface GrantLink extends GrantKey {
  readonly chain: string
  /** 1 at authorization (0: a client-credentials grant that has no token yet), +1 at each commit. */
  readonly generation: number
}

/** What a rotation or an authorization brought. */
export interface TokenPair {
  /** Access and refresh token with what belongs to them: opaque text, maybe sealed. Never log it. */
  readonly secret: string
  /** When the access token expires; `null`: unknown, it is used until it is rejected. */
  readonly expiresAtMs: number | null
  /** When renewal in the background is due; `null`: never. */
  readonly renewAtMs: number | null
}

/**
 * One armed send of the refresh token of this link.
 *
 * `open`: its outcome is not recorded, its sender may still hold a successor.
 * `lost`: its sender gave up reading, or is surely dead; nobody can know whether the token is spent.
 */
export interface SendAttempt {
  readonly id: string
  readonly armedAtMs: number
  readonly state: 'open' | 'lost'
}

/** A grant as the store holds it. */
export interface GrantRecord extends GrantLink, TokenPair {
  readonly state: 'live' | 'dead'
  /** Why it is dead: a short code such as `invalid_grant`. */
  readonly reason?: string
  /** Attempts of this link whose outcome is unknown; emptied by a commit. */
  readonly attempts: readonly SendAttempt[]
  /** How often this link's refresh token was sent by the whole fleet (not counting certain non-sends). */
  readonly sends: number
  /** When this link was stored. */
  readonly committedAtMs: number
}

/** A record without its secret, as {@link TokenStore.list} gives it. */
export type GrantSummary = Omit<GrantRecord, 'secret'>

/** Every answer carries the store's clock, read while the step ran. */
export type Timed<T> = T & { readonly nowMs: number }

/**
 * The store does not hold the live link that the caller named: adopt what it holds. The record may be of
 * another chain (the user authorized again), of another generation, or the same link marked dead.
 */
export type Superseded =
  | { readonly status: 'superseded'; readonly record: GrantRecord }
  | { readonly status: 'missing' }

/** How an attempt ended, for the next holder: `not-sent` for certain, `lost` (unknown), `refused`. */
export type ReleaseOutcome = 'not-sent' | 'lost' | 'refused'

/** Asks for the lease of exactly this link, or extends it. */
export interface AcquireRequest extends GrantLink {
  /** The caller's random id of this attempt. Repeating a call with the same id extends the lease. */
  readonly attempt: string
  readonly ttlMs: number
  /** Repeated calls extend the lease no further than this long after it was first given. */
  readonly maxHoldMs: number
}

/** The lease with the record; or another attempt has it; or the store holds something else. */
export type AcquireAnswer =
  | {
      readonly status: 'acquired'
      readonly untilMs: number
      /** Since when the attempt has had the lease without a break: nobody else has armed since. */
      readonly heldSinceMs: number
      readonly record: GrantRecord
    }
  | { readonly status: 'busy'; readonly untilMs: number }
  | Superseded

/** Asks to write the attempt down, just before the bytes leave. */
export interface ArmRequest extends GrantLink {
  readonly attempt: string
  /** How long the lease lasts from this step on: the reply is read within it. */
  readonly ttlMs: number
  /**
   * As the last answer to acquire said. An attempt whose lease ended, and that has got it once more by a question that
   * arrived late, has not seen what happened in between.
   */
  readonly heldSinceMs: number
}

/** `armed` alone lets the bytes go. `not-holder`: the hold that began at `heldSinceMs` has ended. */
export type ArmAnswer =
  | { readonly status: 'armed'; readonly untilMs: number }
  | { readonly status: 'not-holder' }
  | Superseded

/** Brings the successor of this link. */
export interface CommitRequest extends GrantLink {
  readonly attempt: string
  readonly next: TokenPair
}

/** The successor is stored; or the store holds something else. */
export type CommitAnswer = { readonly status: 'committed'; readonly record: GrantRecord } | Superseded

/** Says that the provider refused the refresh token of this link. */
export interface FailRequest extends GrantLink {
  readonly attempt: string
  readonly reason: string
}

/** `not-holder`: somebody else has the lease by now, and the mark was not set. */
export type FailAnswer = { readonly status: 'failed' | 'not-holder' } | Superseded

/** Brings a new authorization. */
export interface SaveRequest extends GrantKey, TokenPair {
  /** Made by core, so repeating a save whose answer was lost is harmless. */
  readonly chain: string
  readonly generation: 0 | 1
  /**
   * The chain that was seen before, `null`: no grant. Nothing is saved when another is stored by now: a save that
   * arrives late must not undo a newer authorization. Absent: whatever is stored is replaced.
   */
  readonly expectedChain?: string | null
}

/** It is stored; or another authorization came meanwhile. */
export type SaveAnswer = { readonly status: 'saved'; readonly record: GrantRecord } | Superseded

/** Asks to remove a grant. */
export interface RemoveRequest extends GrantKey {
  /** Nothing is removed when another chain is stored by now. Absent: whatever is stored is removed. */
  readonly expectedChain?: string
}

/** Asks for a slot of the request budget. */
export interface TakeBudgetRequest {
  readonly bucket: string
  /** The caller's random id of the slot. Repeating it gives an unused slot back in exchange for a new one. */
  readonly slot: string
  /** Requests allowed in any window. */
  readonly limit: number
  readonly windowMs: number
  /** A granted slot may be used for this long; windows are counted that much longer. */
  readonly slotMs: number
  readonly priority: 'caller' | 'background'
  /** How many slots of the window are kept free of background work. */
  readonly reserve: number
  /** Who asks: a random id of the token manager, the same in all its requests. */
  readonly member: string
  /** How many callers of this member will still be waiting for a slot when this request has been granted. */
  readonly waiting: number
}

/** A slot and until when it may be used; or when to ask again. */
export type TakeBudgetAnswer = {
  /** Callers known to wait for a slot in the whole fleet, the asking one not counted. */
  readonly waiting: number
} & (
  | { readonly status: 'granted'; readonly validUntilMs: number }
  | { readonly status: 'wait'; readonly untilMs: number }
)

/** Hears what any process changes. */
export interface StoreWatcher {
  /**
   * This link is what the store holds now, or its lease became free. Says only *what* changed: generation 0 of
   * an empty chain for a removed grant. May come late, twice or never; it is a hint, not a source of truth.
   */
  changed(link: GrantLink): void
  /** Notices may have been missed: whoever waits must look again. */
  gap(): void
}

/**
 * The contract that every store keeps; `storeContract` of `@evergrant/testing` proves it.
 *
 * Every method rejects with an `EvergrantError` of code `STORE_UNAVAILABLE` when the step may not have
 * happened; all steps may then be repeated with the same arguments.
 */
export interface TokenStore {
  /** Reads one grant from the primary. */
  load(key: GrantKey): Promise<Timed<{ readonly record: GrantRecord | undefined }>>

  /**
   * Stores a new authorization: replaces the expected chain (or anything), drops lease and attempts, counts no
   * sends. A chain that is stored already, at whatever generation, is a repetition: it changes nothing and answers
   * `saved` with what is stored.
   */
  save(request: SaveRequest): Promise<Timed<SaveAnswer>>

  /**
   * Takes the lease of exactly this live link, or extends it for the same attempt. The answer carries the
   * record, so no separate load is needed. `busy` while another attempt holds a lease that has not ended.
   */
  acquire(request: AcquireRequest): Promise<Timed<AcquireAnswer>>

  /**
   * Proves the lease and writes the attempt down in one step; only its positive answer may release the bytes.
   * Repeating it in the same hold extends the lease and counts no second send.
   */
  arm(request: ArmRequest): Promise<Timed<ArmAnswer>>

  /**
   * Ends the hold of this attempt, if it still has it, and records its outcome: `not-sent` and `refused`
   * remove the attempt (`not-sent` also takes its send off the count), `lost` marks it. Idempotent; never
   * fails for lateness.
   */
  release(request: GrantLink & { readonly attempt: string; readonly outcome: ReleaseOutcome }): Promise<void>

  /**
   * Stores the successor as generation + 1 and drops lease, attempts and sends. Needs the link, not the lease;
   * revives a dead record of the same link. Idempotent by `attempt` as long as its own commit is the newest.
   */
  commit(request: CommitRequest): Promise<Timed<CommitAnswer>>

  /** Marks the grant dead. Needs the link **and** the running lease of this attempt. Idempotent. */
  fail(request: FailRequest): Promise<Timed<FailAnswer>>

  /** Swaps the stored text of one link, for re-sealing: no new generation, nothing else changes. */
  replaceSecret(
    request: GrantLink & { readonly from: string; readonly to: string },
  ): Promise<{ readonly status: 'replaced' | 'changed' | 'missing' }>

  /** Removes the grant and returns what was stored last, so that the caller can revoke it. */
  remove(request: RemoveRequest): Promise<{ readonly record: GrantRecord | undefined }>

  /**
   * Takes one request from the budget that all processes share. No window of `windowMs` ever holds more than
   * `limit` sends, however late within `slotMs` a slot is used. Background work is granted nothing while a
   * caller of any member waits. `wait.untilMs` is the earliest instant at which asking again can succeed.
   */
  takeBudget(request: TakeBudgetRequest): Promise<Timed<TakeBudgetAnswer>>

  /** The provider asked for silence until then (store clock). Only ever moves the instant later. */
  penalize(request: { readonly bucket: string; readonly untilMs: number }): Promise<void>

  /**
   * Live grants whose `renewAtMs` is not after `beforeMs`, each claimed for `holdMs`: two sweepers never get the
   * same rows. In the order in which they became due, which for a claim that came to nothing is its end: grants
   * in trouble do not keep the others waiting. A commit or save ends the claim.
   */
  claimDue(request: {
    readonly provider: string
    readonly beforeMs: number
    readonly limit: number
    readonly holdMs: number
  }): Promise<Timed<{ readonly keys: readonly GrantKey[] }>>

  /** Grants of one provider in the order of their ids (by UTF-8 bytes), a page at a time. */
  list(request: {
    readonly provider: string
    readonly after?: string
    readonly limit: number
    readonly state?: 'live' | 'dead'
  }): Promise<{ readonly records: readonly GrantSummary[]; readonly next?: string }>

  /** Reports changes made by any process, this one included. Returns the function that ends it. */
  watch?(watcher: StoreWatcher): Promise<() => Promise<void>>
}
