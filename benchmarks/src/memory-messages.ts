import type { OAuth2ProviderOptions } from '@evergrant/core'
import type { StoreAddress } from './open-store.js'

/** What the measured process gets as its argument. */
export interface MemorySetup {
  readonly store: StoreAddress
  readonly provider: OAuth2ProviderOptions
  readonly maxCachedGrants: number
  readonly sweepIntervalMs: number
  /** Renews this many, and looks at the heap each time this many more are renewed. */
  readonly renewals: { readonly total: number; readonly each: number }
  /** Then hands out tokens of this many of the made-up grants, each once. */
  readonly reads: { readonly total: number; readonly each: number; readonly outOf: number }
}

export interface HeapSample {
  /** Grants renewed, or read, when it was taken. */
  readonly after: number
  readonly heapBytes: number
}

/** What it answers, once. */
export interface MemoryReport {
  readonly renewing: readonly HeapSample[]
  readonly reading: readonly HeapSample[]
  /** The same reading with a cache that holds them all: what would grow. */
  readonly readingUnbounded: readonly HeapSample[]
  readonly rssBytes: { readonly before: number; readonly after: number }
  readonly renewalsTookMs: number
}
