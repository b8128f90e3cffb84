/** Every way in which the world hurts. Counted only where it hit something that was pending. */
export const FAULTS = [
  // Between a process and the shared store.
  'store away',
  'cut off from the store',
  'store request lost',
  'store answer lost',
  'store request late',
  'store slow',
  'store forgot writes',
  'notice lost',
  'notice late',
  'notices cut off',
  // The machine's own disk.
  'local store fails',
  'local store stalls',
  // On the way to the token endpoint, before the bytes have left.
  'provider out of reach',
  'connection refused',
  'connection hangs',
  // After they have.
  'request lost',
  'request cut',
  'request late',
  'reply lost',
  'reply cut',
  'reply cut in half',
  'reply late',
  // What the server answers.
  '429',
  '5xx before',
  '5xx after',
  'firewall',
  'client rejected',
  'damaged reply',
  'odd token_type',
  // Processes and machines.
  'crash',
  'frozen, stopped',
  'frozen, suspended',
  'frozen, paused',
  'clock jump',
  'closed and replaced',
  // People, and what they see.
  'authorized again during a rotation',
  'revoked',
  'API refuses everyone',
] as const

export type Fault = (typeof FAULTS)[number]
