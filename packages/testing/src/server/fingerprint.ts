import { createHash } from 'node:crypto'

/**
 * The short name of a token in the ledger: the first 12 hex digits of its SHA-256.
 *
 * Equal tokens give equal fingerprints; a token cannot be got back from one.
 */
export function fingerprint(token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 12)
}
