/** What one try of a rotation came to, from the question for the lease to its last word. */
export const OUTCOMES = {
  // Nothing was sent.
  busy: 'another holds the lease',
  overtaken: 'the store holds another link, or none any more',
  fresh: 'under the lease the token turned out to be fresh',
  'held back': 'the replay rule does not let the token be sent again yet',
  paused: 'the client credentials are known to be refused',
  'no slot': 'the budget is used up',
  'not sent': 'no connection, or no release of the bytes while it stood',
  late: 'lease or slot were out of date before the bytes could leave',
  'lease lost': 'another had the lease when this one armed',
  'store away': 'the store could not be asked',
  closed: 'its manager was closed',
  // The bytes have left.
  rotated: 'the successor is stored',
  dropped: 'the successor came after a newer authorization, or a removal',
  refused: 'the grant is marked dead',
  'refused, unmarked': 'the token was refused, and the store did not take the mark',
  unspent: 'the reply says for certain that nothing was spent',
  unknown: 'no reply was read',
  'client rejected': 'the client credentials are refused',
  trouble: 'a reply that says nothing of the token',
  // Either.
  died: 'its process ended',
} as const

export type Outcome = keyof typeof OUTCOMES
