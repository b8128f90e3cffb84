import type { OAuth2ProviderOptions } from '@evergrant/core'

/** What a worker is started with. */
export interface WorkerSetup {
  readonly path: string
  readonly provider: OAuth2ProviderOptions
  readonly apiUrl: string
}

/** Make that many calls at once, with clocks this far ahead. */
export interface Order {
  readonly offsetMs: number
  readonly calls: number
}

export interface Report {
  readonly ok: number
  readonly failures: readonly string[]
  readonly rotations: number
}

/** Stop at this step of the store; nothing given: run through. */
export interface FreezeOrder {
  readonly step?: string
  readonly when?: 'before' | 'after'
}
