import { errorName } from '../error-name.js'
import { EvergrantError, isEvergrantError } from '../errors.js'
import type { GrantEntry } from '../grant/grant-entry.js'
import type { ManagerContext } from '../manager/context.js'
import { backoffMs } from './backoff.js'

/** What one try came to. */
export type RotationStep =
  /** The grant has moved on, by our doing or another's: look at it again. */
  | { readonly kind: 'moved' }
  /** Another holds the lease: ask again after this long, or when the store sends a notice. */
  | { readonly kind: 'busy'; readonly forMs: number }
  /** The fleet's budget is used up: queue for a slot, or come back after this long. */
  | { readonly kind: 'crowded'; readonly forMs: number }
  | FailedStep

/** It failed and may work after `afterMs`; `giveUp`: nobody should wait for that. */
export interface FailedStep {
  readonly kind: 'failed'
  readonly error: EvergrantError
  readonly afterMs: number
  readonly giveUp: boolean
}

export function failed(
  code: EvergrantError['code'],
  message: string,
  entry: GrantEntry,
  details: { readonly reason?: string; readonly afterMs: number; readonly giveUp?: boolean },
): FailedStep {
  const { reason, afterMs, giveUp = false } = details
  const retryAfterMs = Math.ceil(afterMs)
  const error = new EvergrantError(code, message, { ...entry.key, reason, retryAfterMs })
  return { kind: 'failed', error, afterMs, giveUp }
}

export function storeAway(ctx: ManagerContext, entry: GrantEntry, error: EvergrantError): FailedStep {
  return { kind: 'failed', error, afterMs: backoffMs('store', entry.failures + 1, ctx.chance), giveUp: false }
}

export function outcomeUnknown(
  entry: GrantEntry,
  reason: string,
  afterMs: number,
  giveUp: boolean,
): RotationStep {
  const message = 'The refresh token was sent and no reply was read: nobody can know whether it is spent'
  return failed('OUTCOME_UNKNOWN', message, entry, { reason, afterMs, giveUp })
}

export function budgetUsedUp(entry: GrantEntry, afterMs: number): FailedStep {
  const message = 'The request budget of the token endpoint is used up'
  return failed('RATE_LIMITED', message, entry, { reason: 'budget', afterMs })
}

export function clientRejected(entry: GrantEntry, afterMs: number): RotationStep {
  const message = 'The provider refuses the client credentials: check client id and secret'
  return failed('CLIENT_REJECTED', message, entry, { reason: 'invalid_client', afterMs, giveUp: true })
}

/** Something threw that must not: a defect of ours, or of a store, a clock or a client authentication. */
export function unexpected(entry: GrantEntry, error: unknown): FailedStep {
  if (isEvergrantError(error)) return { kind: 'failed', error, afterMs: UNEXPECTED_RETRY_MS, giveUp: true }
  const name = errorName(error)
  const message = 'Something that a rotation depends on threw'
  const details = { afterMs: UNEXPECTED_RETRY_MS, giveUp: true, ...(name !== undefined && { reason: name }) }
  return failed('UNEXPECTED', message, entry, details)
}

const UNEXPECTED_RETRY_MS = 5_000

export function closed(entry: GrantEntry): RotationStep {
  return failed('CLOSED', 'The token manager is closed', entry, { afterMs: 0, giveUp: true })
}
