import type { OAuth2ProviderOptions, Timings } from '@evergrant/core'
import type { StoreAddress } from './open-store.js'

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

/** What a worker of a fleet is started with. */
export interface FleetSetup {
  readonly store: StoreAddress
  readonly provider: OAuth2ProviderOptions
  readonly apiUrl: string
}

export interface FleetOrder {
  readonly calls: number
  /** The authorization that is to be used: calls begin when the process has heard of it. */
  readonly chain: string
}

/** Instants are epoch milliseconds of this machine. */
export interface FleetReport {
  readonly ok: number
  readonly failures: readonly string[]
  /** When this process had committed its rotation; `null`: another process rotated. */
  readonly committedAtMs: number | null
  /** When its first caller had a token. */
  readonly servedAtMs: number | null
}

/** Ask for all of these at once; none: begin to keep idle grants alive. */
export interface BacklogOrder {
  readonly grantIds: readonly string[]
}

export interface BacklogReport {
  readonly served: number
  readonly failures: readonly string[]
  readonly doneAtMs: number
}

/** What a worker whose store goes away is started with. */
export interface StoreAwaySetup extends FleetSetup {
  readonly timings: Partial<Timings>
}

/** Of each grant the generation of the token that came, or why none did. */
export type StoreAwayReport = readonly (number | string)[]

/** What a worker that has requests in flight is started with; `apiUrl` is the API's origin. */
export interface InFlightSetup extends FleetSetup {
  /** An adapter of Axios by its name, or core's own. */
  readonly sender: 'http' | 'fetch' | 'fetchWithTokens'
}

/** One request: a POST with a filling of that many bytes, or a GET. A list of them is sent at once. */
export interface InFlightCall {
  readonly order: number
  readonly postBytes: number | null
}

/** What a POST carries. */
export interface PostedOrder {
  readonly order: number
  readonly filling: string
}

/** Of each call the status, or why there is none; and how often this process has rotated. */
export interface InFlightReport {
  readonly answers: readonly (number | string)[]
  readonly rotations: number
}
