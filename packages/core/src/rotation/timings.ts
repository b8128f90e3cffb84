import { checkNumber, optionError } from '../check-options.js'

/** How long each part of a rotation may take; see `docs/rotation.md` for why each exists. Milliseconds. */
export interface Timings {
  /** How long a lease lasts before the bytes leave. @defaultValue 10 000 */
  readonly leaseMs: number
  /** How long a reply is waited for. @defaultValue 15 000 */
  readonly requestTimeoutMs: number
  /** How long the lease lasts from arm on; longer than the request timeout. @defaultValue 20 000 */
  readonly armedLeaseMs: number
  /** What a successor in a live process is given to arrive in the store. @defaultValue 5 000 */
  readonly settleMs: number
  /** A lease is not extended beyond this. @defaultValue 60 000 */
  readonly maxHoldMs: number
  /** A store that has not answered by then counts as away. @defaultValue 5 000 */
  readonly storeTimeoutMs: number
  /** How long a granted slot of the budget may be used. @defaultValue 200 */
  readonly slotMs: number
  /** Least time between two rotations of one grant that nobody needs for expiry. @defaultValue 60 000 */
  readonly minRotationIntervalMs: number
}

/** What a token manager takes where its option `timings` says nothing; all in milliseconds. Frozen. */
export const defaultTimings: Timings = Object.freeze({
  leaseMs: 10_000,
  requestTimeoutMs: 15_000,
  armedLeaseMs: 20_000,
  settleMs: 5_000,
  maxHoldMs: 60_000,
  storeTimeoutMs: 5_000,
  slotMs: 200,
  minRotationIntervalMs: 60_000,
})

/** Arming takes a moment of the armed lease; the whole request timeout must still fit into it. */
const ARMED_MARGIN = 1.2

/** Below this share a request would time out on any ordinary network; shorter lives are not served safely. */
const LEAST_SCALE = 0.1

/** @throws TypeError naming the option that is wrong, or the two that contradict each other */
export function checkTimings(given: Partial<Timings> = {}): Timings {
  const timings = { ...defaultTimings }
  for (const name of Object.keys(defaultTimings) as (keyof Timings)[]) {
    const value = given[name]
    if (value === undefined) continue
    timings[name] = checkNumber(`timings.${name}`, value, { min: name === 'minRotationIntervalMs' ? 0 : 1 })
  }
  if (timings.armedLeaseMs < timings.requestTimeoutMs * ARMED_MARGIN) {
    throw optionError(
      'timings.armedLeaseMs',
      `must be at least ${ARMED_MARGIN} × requestTimeoutMs: a reply is read under the lease`,
    )
  }
  if (timings.maxHoldMs < timings.armedLeaseMs || timings.maxHoldMs < timings.leaseMs) {
    throw optionError('timings.maxHoldMs', 'must not be shorter than leaseMs or armedLeaseMs')
  }
  return Object.freeze(timings)
}

/**
 * The timings for one grant. Scaled down together so that armed lease and settle fit into a quarter of the
 * access token's life, and a replay into the provider's reuse interval.
 */
export function timingsFor(
  base: Timings,
  life: { readonly lifetimeMs: number | undefined; readonly reuseIntervalMs: number },
): Timings {
  const { requestTimeoutMs, armedLeaseMs, settleMs } = base
  const byLifetime = life.lifetimeMs === undefined ? 1 : life.lifetimeMs / 4 / (armedLeaseMs + settleMs)
  const replayFits =
    life.reuseIntervalMs > 0 ? (0.9 * life.reuseIntervalMs) / (requestTimeoutMs + armedLeaseMs + settleMs) : 1
  // An interval too short for any replay is no reason to hurry.
  const byReuse = replayFits < LEAST_SCALE ? 1 : replayFits
  const scale = Math.max(LEAST_SCALE, Math.min(1, byLifetime, byReuse))
  if (scale === 1) return base
  return {
    ...base,
    leaseMs: base.leaseMs * scale,
    requestTimeoutMs: requestTimeoutMs * scale,
    armedLeaseMs: armedLeaseMs * scale,
    settleMs: settleMs * scale,
    maxHoldMs: base.maxHoldMs * scale,
    minRotationIntervalMs: Math.min(
      base.minRotationIntervalMs,
      (life.lifetimeMs ?? Number.POSITIVE_INFINITY) / 4,
    ),
  }
}
