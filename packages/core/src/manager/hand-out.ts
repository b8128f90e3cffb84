import type { AccessToken } from '../access-token.js'
import { EvergrantError, isEvergrantError } from '../errors.js'
import { type GrantEntry, isReplacing, isSameLink, linkOf } from '../grant/grant-entry.js'
import type { KnownGrant } from '../grant/grant-tokens.js'
import { judge, lifetimeOf, validityLeftMs, type Wanted } from '../rotation/freshness.js'
import { startRotation } from '../rotation/rotation.js'
import { timingsFor } from '../rotation/timings.js'
import { sameText } from '../same-text.js'
import type { GrantKey, GrantLink } from '../store/token-store.js'
import { elapsedMs, markNow } from '../time/clock.js'
import type { Patience } from '../time/patience.js'
import type { ManagerContext } from './context.js'
import { type ClientCredentialsGrants, loadGrant } from './load-grant.js'

/** Looks at the store because of 401s, or of a failure that lasts, happen at most this often for one grant. */
const LOOK_INTERVAL_MS = 1_000

/** The decisions of {@link judge} put into effect for one caller at a time. */
export interface HandOut {
  /** Waits, as long as the caller does, for a token that fits. */
  token(entry: GrantEntry, wanted: TokenWanted, patience: Patience): Promise<AccessToken>
  /** A token other than the rejected one; `undefined`: there is none to be had now. */
  replacement(entry: GrantEntry, rejected: AccessToken, patience: Patience): Promise<AccessToken | undefined>
}

export interface TokenWanted {
  readonly minValidityMs: number | undefined
  readonly forceRefresh: boolean
}

export function createHandOut(ctx: ManagerContext, clientCredentials: ClientCredentialsGrants): HandOut {
  const load = (entry: GrantEntry, patience: Patience): Promise<void> =>
    patience.wait(loadGrant(ctx, entry, clientCredentials))

  /** What the process knows, after a look at the store where that is needed. */
  async function current(entry: GrantEntry, patience: Patience): Promise<KnownGrant> {
    // A dead grant may have been authorized again by another process: only the store knows.
    const mustLook = !entry.known || entry.known.record.state === 'dead'
    if (mustLook || (entry.stale && !entry.uncommitted)) {
      try {
        await load(entry, patience)
        // That look may have begun before the notice of something newer came.
        if (entry.stale && !entry.uncommitted) await load(entry, patience)
      } catch (error) {
        const known = entry.known as KnownGrant | undefined
        // A store that is away, or that this caller cannot wait for, does not hurt a token that works.
        const isAway = isEvergrantError(error, 'STORE_UNAVAILABLE') || isEvergrantError(error, 'TIMEOUT')
        if (!isAway || known?.record.state !== 'live') throw error
      }
    }
    const { known } = entry
    if (!known) throw new EvergrantError('GRANT_NOT_FOUND', 'There is no such grant', entry.key)
    return known
  }

  function verdictOf(entry: GrantEntry, known: KnownGrant, wanted: Wanted): ReturnType<typeof judge> {
    const life = { lifetimeMs: lifetimeOf(known), reuseIntervalMs: ctx.facts.reuseIntervalMs }
    const { minRotationIntervalMs } = timingsFor(ctx.timings, life)
    const nowMs = ctx.storeClock.now()
    return judge(known, wanted, { nowMs, minRotationIntervalMs, replacing: isReplacing(entry) })
  }

  /** Joins the rotation in progress or starts one; fails at once if its next try comes too late for this caller. */
  async function rotate(entry: GrantEntry, forced: boolean, patience: Patience): Promise<void> {
    const { failure } = entry
    if (failure) {
      const leftMs = failure.forMs - elapsedMs(ctx.clock, failure.at)
      if (leftMs > (failure.giveUp ? 0 : patience.leftMs())) {
        if (failure.giveUp && (await hasMovedOn(entry, patience))) return
        throw again(failure.error, leftMs)
      }
    }
    const rotation = entry.rotation ?? startRotation(ctx, entry, forced)
    rotation.forced ||= forced
    await rotation.join(patience)
  }

  /** Another process may have mended it, or the user come back; not every store sends notices, and notices get lost. */
  async function hasMovedOn(entry: GrantEntry, patience: Patience): Promise<boolean> {
    const { failure } = entry
    if (!mayLook(entry)) return false
    try {
      await load(entry, patience)
    } catch (error) {
      // What is no error of ours is the reason of a caller who leaves.
      if (!isEvergrantError(error) || error.code === 'GRANT_NOT_FOUND') throw error
      return false
    }
    return entry.failure !== failure
  }

  function renewBehind(entry: GrantEntry): void {
    const { quiet } = entry
    if (entry.rotation || ctx.lifecycle.closing) return
    if (quiet && elapsedMs(ctx.clock, quiet.at) < quiet.forMs) return
    startRotation(ctx, entry, false)
  }

  async function token(entry: GrantEntry, wanted: TokenWanted, patience: Patience): Promise<AccessToken> {
    let unwanted: GrantLink | undefined
    for (;;) {
      const known = await current(entry, patience)
      if (wanted.forceRefresh) unwanted ??= linkOf(known.record)
      const want = { minValidityMs: wanted.minValidityMs, notLink: unwanted }
      const verdict = verdictOf(entry, known, want)
      switch (verdict) {
        case 'use':
        case 'use-and-renew':
          if (verdict === 'use-and-renew') renewBehind(entry)
          return known.accessToken as AccessToken
        case 'dead':
          throw reauthorizationRequired(known)
        case 'unattainable':
          throw unattainable(known)
        case 'rotate':
          try {
            await rotate(entry, unwanted !== undefined || wanted.minValidityMs !== undefined, patience)
          } catch (error) {
            const stillGood = stillWorks(entry, wanted)
            if (stillGood && isEvergrantError(error)) return stillGood
            throw isEvergrantError(error, 'TIMEOUT') ? whyLate(error, entry) : error
          }
      }
    }
  }

  /**
   * A rotation that failed never hurts a token that still works: who asked for nothing special gets it until
   * it expires.
   */
  function stillWorks(entry: GrantEntry, wanted: TokenWanted): AccessToken | undefined {
    const { known } = entry
    if (!known || known.record.state === 'dead' || wanted.forceRefresh) return undefined
    const neededMs = wanted.minValidityMs ?? 0
    const leftMs = validityLeftMs(known, ctx.storeClock.now())
    return leftMs > 0 && leftMs >= neededMs ? known.accessToken : undefined
  }

  async function replacement(
    entry: GrantEntry,
    rejected: AccessToken,
    patience: Patience,
  ): Promise<AccessToken | undefined> {
    const wanted = { minValidityMs: undefined, forceRefresh: false }
    let hasLooked = false
    for (;;) {
      const dead = entry.known?.record.state === 'dead' ? entry.known : undefined
      if (dead && !mayLook(entry)) throw reauthorizationRequired(dead)
      const known = await current(entry, patience)
      if (!isSameToken(known, rejected)) return token(entry, wanted, patience)
      reject(entry, rejected)
      const verdict = verdictOf(entry, known, { minValidityMs: undefined, notLink: rejected })
      if (verdict === 'dead') throw reauthorizationRequired(known)
      if (verdict === 'rotate') {
        await rotate(entry, true, patience)
        continue
      }
      // Rotated moments ago: maybe by us for this very token, maybe another process has a newer one. Once: a look at a
      // slow store takes longer than the interval between two.
      if (hasLooked || !mayLook(entry)) return undefined
      hasLooked = true
      await load(entry, patience)
    }
  }

  function reject(entry: GrantEntry, { provider, grantId, chain, generation }: AccessToken): void {
    if (entry.rejected) return
    entry.rejected = true
    entry.gathering = undefined
    // What was put off because the token still worked need not be put off any longer.
    if (entry.failure?.error.reason === 'held') entry.failure = undefined
    ctx.emit({ type: 'token.rejected', provider, grantId, chain, generation })
  }

  function mayLook(entry: GrantEntry): boolean {
    if (entry.lookedAt && elapsedMs(ctx.clock, entry.lookedAt) < LOOK_INTERVAL_MS) return false
    entry.lookedAt = markNow(ctx.clock)
    return true
  }

  return { token, replacement }
}

/** By value, not only by link: a successor that never got into the store had the same link as the stored one. */
function isSameToken(known: KnownGrant, token: AccessToken): boolean {
  const { accessToken } = known
  return (
    isSameLink(known.record, token) &&
    accessToken !== undefined &&
    sameText(accessToken.reveal(), token.reveal())
  )
}

const keyOf = ({ provider, grantId }: GrantKey): GrantKey => ({ provider, grantId })

function reauthorizationRequired({ record }: KnownGrant): EvergrantError {
  const reason = record.reason ?? 'no_refresh_token'
  const message = 'The grant is dead: the user must authorize again'
  return new EvergrantError('REAUTHORIZATION_REQUIRED', message, { ...keyOf(record), reason })
}

function unattainable({ record }: KnownGrant): EvergrantError {
  const message = 'No token of this grant has the validity that was asked for'
  return new EvergrantError('VALIDITY_UNATTAINABLE', message, keyOf(record))
}

/** A caller whose deadline came between two tries learns what the last one failed with. */
function whyLate(late: EvergrantError, entry: GrantEntry): EvergrantError {
  const cause = entry.failure?.error
  return new EvergrantError('TIMEOUT', late.message, { ...entry.key, reason: cause?.code, cause })
}

/** The failure of a rotation some time ago, with what is left of its backoff. */
function again({ code, message, provider, grantId, reason }: EvergrantError, leftMs: number): EvergrantError {
  return new EvergrantError(code, message, { provider, grantId, reason, retryAfterMs: Math.ceil(leftMs) })
}
