import type { EvergrantErrorCode, EvergrantEvent } from '@evergrant/core'
import type { Outcome } from './outcomes.js'

const BY_TYPE: Partial<Record<EvergrantEvent['type'], Outcome>> = {
  'grant.rotated': 'rotated',
  'grant.successor_dropped': 'dropped',
  'grant.reauthorization_required': 'refused',
  'grant.outcome_unknown': 'unknown',
}

const BEFORE_SENDING: Partial<Record<EvergrantErrorCode, Outcome>> = {
  STORE_UNAVAILABLE: 'store away',
  PROVIDER_UNAVAILABLE: 'not sent',
  OUTCOME_UNKNOWN: 'held back',
  CLIENT_REJECTED: 'paused',
  CLOSED: 'closed',
}

const AFTER_SENDING: Partial<Record<EvergrantErrorCode, Outcome>> = {
  STORE_UNAVAILABLE: 'refused, unmarked',
  PROVIDER_UNAVAILABLE: 'trouble',
  RATE_LIMITED: 'unspent',
  CLIENT_REJECTED: 'client rejected',
  UNCOMMITTED_SUCCESSOR: 'closed',
}

/** What an event says of the try that it ends; `undefined`: the try goes on. */
export function outcomeByEvent(event: EvergrantEvent, hasSent: boolean): Outcome | undefined {
  if (event.type !== 'grant.rotation_failed') return BY_TYPE[event.type]
  const { code, reason } = event
  if (!hasSent) return reason === 'late' ? 'late' : BEFORE_SENDING[code]
  // Only where a provider promises that a 503 spends nothing; elsewhere it is an unknown outcome.
  return reason === 'http_503' ? 'unspent' : AFTER_SENDING[code]
}
