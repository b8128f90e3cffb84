import type { KnownGrant } from '../grant/grant-tokens.js'

/** Below this a token is renewed before it is handed out, unless the caller says otherwise. */
const MANDATORY_MS = 30_000
const MANDATORY_SHARE = 0.1

/** What to do for a caller who wants a token. */
export type Verdict =
  | 'use'
  /** Hand it out and rotate behind it. */
  | 'use-and-renew'
  /** Wait for a rotation. */
  | 'rotate'
  /** The user must authorize again. */
  | 'dead'
  /** No rotation can give what was asked for: the provider's lifetime is shorter, or it was rotated just now. */
  | 'unattainable'

/** What this caller asked for. */
export interface Wanted {
  readonly minValidityMs: number | undefined
  /** The link that this caller does not want any more (forced refresh, rejected token). */
  readonly notLink: { readonly chain: string; readonly generation: number } | undefined
}

export interface Circumstances {
  /** Store clock. */
  readonly nowMs: number
  readonly minRotationIntervalMs: number
  /** The old token is being replaced right now and may be dead already. */
  readonly replacing: boolean
}

/** Pure: the whole policy of handing out, in one place. */
export function judge(known: KnownGrant, wanted: Wanted, at: Circumstances): Verdict {
  const { record, tokens, accessToken } = known
  if (record.state === 'dead') return 'dead'
  const renewable = isRenewable(known)
  const leftMs = accessToken === undefined ? 0 : validityLeftMs(known, at.nowMs)
  if (leftMs <= 0) return renewable ? 'rotate' : 'dead'

  const isUnwanted = wanted.notLink?.chain === record.chain && wanted.notLink.generation === record.generation
  const longEnough = leftMs >= (wanted.minValidityMs ?? mandatoryWindowMs(known))
  if (longEnough && !isUnwanted && !at.replacing) {
    const moderate = !(wasRotated(known, tokens.grantType) && isRecent(known, at))
    const due = renewable && moderate && record.renewAtMs !== null && record.renewAtMs <= at.nowMs
    return due ? 'use-and-renew' : 'use'
  }
  // Something better is wanted; whether it may be had is a matter of the refresh token and of moderation.
  const mayRotate = renewable && !(wasRotated(known, tokens.grantType) && isRecent(known, at))
  if (mayRotate || at.replacing) return 'rotate'
  return longEnough || wanted.minValidityMs === undefined ? 'use' : 'unattainable'
}

/** Whether there is anything to rotate with. */
export function isRenewable({ tokens }: KnownGrant): boolean {
  return tokens.refreshToken !== undefined || tokens.grantType === 'client_credentials'
}

export function validityLeftMs({ record }: KnownGrant, nowMs: number): number {
  return record.expiresAtMs === null ? Number.POSITIVE_INFINITY : record.expiresAtMs - nowMs
}

/** The access token's whole life; `undefined` where the provider does not say. */
export function lifetimeOf({ record, tokens }: KnownGrant): number | undefined {
  if (tokens.lifetimeMs !== undefined) return tokens.lifetimeMs
  const life = record.expiresAtMs === null ? 0 : record.expiresAtMs - record.committedAtMs
  return life > 0 ? life : undefined
}

/** How much validity a token must have when the caller does not say. */
export function mandatoryWindowMs(known: KnownGrant): number {
  return Math.min(MANDATORY_MS, MANDATORY_SHARE * (lifetimeOf(known) ?? Number.POSITIVE_INFINITY))
}

/** Until when this token is handed out without a second thought, store clock. */
export function freshUntilMs(known: KnownGrant): number {
  const { expiresAtMs, renewAtMs, state } = known.record
  if (state === 'dead' || known.accessToken === undefined) return 0
  const mandatoryAtMs =
    expiresAtMs === null ? Number.POSITIVE_INFINITY : expiresAtMs - mandatoryWindowMs(known)
  return Math.min(mandatoryAtMs, renewAtMs ?? Number.POSITIVE_INFINITY)
}

/** A fresh authorization may be rotated at once; what a rotation brought may not. */
function wasRotated({ record }: KnownGrant, grantType: string): boolean {
  return record.generation > (grantType === 'client_credentials' ? 0 : 1)
}

function isRecent({ record }: KnownGrant, at: Circumstances): boolean {
  return at.nowMs - record.committedAtMs < at.minRotationIntervalMs
}
