import type { ProviderFacts } from '../provider/provider.js'
import type { SendAttempt } from '../store/token-store.js'

/** Sends of one refresh token by the whole fleet before cool-downs begin. */
export const MAX_SENDS = 3

/** Between later sends: a minute, doubling, at most an hour. Only servers that never answer get there. */
const COOL_DOWN_MS = 60_000
const LONGEST_COOL_DOWN_MS = 3_600_000

export type ReplayDecision =
  | { readonly kind: 'send' }
  /** The access token still works and sending again could kill it: not before it is needed. */
  | { readonly kind: 'hold' }
  /** Sent too often without an answer. */
  | { readonly kind: 'cool-down'; readonly forMs: number }

export interface ReplaySituation {
  readonly facts: Pick<ProviderFacts, 'reuse' | 'reuseIntervalMs'>
  /** Attempts of this link that are lost, or open and settled. */
  readonly attempts: readonly SendAttempt[]
  readonly sends: number
  /** The access token of this link is neither expired nor rejected. */
  readonly tokenWorks: boolean
  readonly requestTimeoutMs: number
  /** Store clock. */
  readonly nowMs: number
}

/**
 * Pure: may a refresh token be sent whose earlier sends have no known outcome? Never decided before settle.
 *
 * On a server that merely refuses, a resend does no harm. Within a reuse interval it is what the interval is
 * for, as long as it *arrives* in it. On a server that revokes the grant it is a last resort.
 */
export function decideReplay(situation: ReplaySituation): ReplayDecision {
  const { facts, attempts, sends, nowMs } = situation
  if (attempts.length > 0 && facts.reuse === 'revokes-grant') {
    const firstArmedAtMs = Math.min(...attempts.map((attempt) => attempt.armedAtMs))
    const inInterval = nowMs + situation.requestTimeoutMs < firstArmedAtMs + facts.reuseIntervalMs
    if (!inInterval && situation.tokenWorks) return { kind: 'hold' }
  }
  if (sends < MAX_SENDS) return { kind: 'send' }
  // An outage must not outlive the grant: after the fleet's three sends, one more now and then.
  const lastArmedAtMs = Math.max(0, ...attempts.map((attempt) => attempt.armedAtMs))
  const coolDownMs = Math.min(COOL_DOWN_MS * 2 ** Math.min(sends - MAX_SENDS, 20), LONGEST_COOL_DOWN_MS)
  const forMs = lastArmedAtMs + coolDownMs - nowMs
  return forMs > 0 ? { kind: 'cool-down', forMs } : { kind: 'send' }
}
