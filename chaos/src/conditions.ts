import type { Timings } from '@evergrant/core'

/** How many processes share how many grants. */
export const WORKERS = 3
export const GRANTS: readonly string[] = ['agency-1', 'agency-2', 'agency-3', 'agency-4']
/** Processes that are booted and wait to replace one that was killed. */
export const SPARES = 3

/**
 * The protocol's durations, scaled down so that a freeze beyond them takes a second and not half a minute. Scaled
 * together: what the real ones promise of each other holds for these.
 */
export const TIMINGS: Timings = {
  leaseMs: 400,
  requestTimeoutMs: 500,
  armedLeaseMs: 700,
  settleMs: 500,
  maxHoldMs: 6_000,
  storeTimeoutMs: 2_000,
  slotMs: 200,
  minRotationIntervalMs: 0,
}

/** How long others wait, from arm on, before they spend a token again whose sender said nothing more. */
export const OTHERS_WAIT_MS: number = TIMINGS.armedLeaseMs + TIMINGS.settleMs

/** Lives long enough not to shorten the timings; rounds end it by revocation. */
export const ACCESS_TOKEN_LIFETIME_MS = 60_000

/** What the provider allows: more than quiet rounds need one after the other, less than a loop would send. */
export const BUDGET: { readonly limit: number; readonly windowMs: number } = { limit: 90, windowMs: 6_000 }

/** A kill this soon after the reply's last byte may come before the successor is on the disk. */
export const DISK_GRACE_MS = 50

/** What a busy machine may take until a process gets to read what lies in its socket. */
export const UNREAD_GRACE_MS: number = TIMINGS.requestTimeoutMs / 2

/** No round takes longer: who has no token by then is stuck. */
export const PROOF_WITHIN_MS = 15_000
export const ROUND_WITHIN_MS = 45_000
