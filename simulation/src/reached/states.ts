import type { GrantLink, StoredGrant } from '@evergrant/core'
import { refreshTokenIn } from '../oracle/ledger.js'
import type { TokenBook } from '../server/token-book.js'

/** What a try meets when it asks for the lease: what the store has, and what the server knows. */
export const STATES = {
  untouched: 'never sent',
  'open, unspent': 'an attempt is open, its request has not spent the token',
  'open, spent': 'an attempt is open, and the token is spent',
  'lost, unspent': 'an attempt is lost, its request has not spent the token',
  'lost, spent': 'an attempt is lost, and the token is spent',
  'spent unseen': 'the token is spent, and the store shows no attempt',
  ended: 'the server refuses the token for good: revoked, expired, or replaced by a later pair',
  held: "another's lease runs",
  dead: 'the store has it marked dead',
  'moved on': 'the store has another link',
  'rolled back': 'the store has an older link of this chain: it forgot',
  removed: 'the store has nothing',
} as const

export type State = keyof typeof STATES

export function stateOf(
  stored: StoredGrant | undefined,
  asked: GrantLink & { readonly attempt: string },
  at: { readonly storeMs: number; readonly trueMs: number; readonly book: TokenBook | undefined },
): State {
  if (!stored) return 'removed'
  const { record, lease } = stored
  if (record.chain !== asked.chain || record.generation > asked.generation) return 'moved on'
  if (record.generation < asked.generation) return 'rolled back'
  if (record.state === 'dead') return 'dead'
  if (lease && lease.attempt !== asked.attempt && lease.untilMs > at.storeMs) return 'held'
  const token = at.book?.token(refreshTokenIn(record.secret) ?? '')
  const isSpent = token?.spentAtMs !== undefined
  if (!token || token.family.revoked || token.killed || (!isSpent && at.trueMs >= token.expiresAtMs))
    return 'ended'
  const spent = isSpent ? 'spent' : 'unspent'
  if (record.attempts.some(({ state }) => state === 'open')) return `open, ${spent}`
  if (record.attempts.length > 0) return `lost, ${spent}`
  return isSpent ? 'spent unseen' : 'untouched'
}
