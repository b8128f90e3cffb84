import type { OAuth2ProviderOptions } from '@evergrant/core'

export interface FleetSetup {
  readonly redisUrl: string
  readonly provider: OAuth2ProviderOptions
  readonly callers: number
}

/** `chain`: of the authorization that was saved for this round; the process waits until it has heard of it. */
export type FleetOrder = { readonly kind: 'ours'; readonly chain: string } | { readonly kind: 'polling' }

/** Instants are epoch milliseconds with fractions, comparable between processes of one machine. */
export interface FleetReport {
  readonly token: string
  /** When this process learned that the tokens it fetched are stored; `undefined`: another process fetched them. */
  readonly committedAtMs: number | undefined
  /** When the last of its callers had the token. */
  readonly servedAtMs: number
}
