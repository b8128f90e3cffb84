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

export interface WorkerJobs {
  run(order: Order): Promise<Report>
}

export interface EscrowJobs {
  /** Rotates all of these; resolves when every successor is in escrow and stopped before its commit. */
  fillEscrow(grantIds: readonly string[]): Promise<void>
}

/** Stop at this step of the store; nothing given: run through. */
export interface FreezeOrder {
  readonly step?: string
  readonly when?: 'before' | 'after'
}

/** How much of a freeze its clocks do not show. */
export interface HiddenTime {
  readonly wallMs: number
  readonly monotonicMs: number
}

export interface FreezableJobs {
  /** Answers the generation of the token that came. */
  rotate(order: FreezeOrder): Promise<number>
  /** Resolves when it is where it was to stop. */
  isThere(): Promise<void>
  goOn(hidden: HiddenTime): void
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

export interface FleetJobs {
  run(order: FleetOrder): Promise<FleetReport>
}

export interface BacklogReport {
  readonly served: number
  readonly failures: readonly string[]
  readonly doneAtMs: number
}

export interface BacklogJobs {
  /** Asks for all of these at once. */
  drain(grantIds: readonly string[]): Promise<BacklogReport>
  /** Begins to keep idle grants alive. */
  keepAlive(): void
}

/** What a worker whose store goes away is started with. */
export interface StoreAwaySetup extends FleetSetup {
  readonly timings: Partial<Timings>
}

/** Of each grant the generation of the token that came, or why none did. */
export type StoreAwayReport = readonly (number | string)[]

export interface StoreAwayJobs {
  getAll(grantIds: readonly string[]): Promise<StoreAwayReport>
  /** Resolves when each of them waits for another process that rotates it. */
  allWait(): Promise<void>
  rotations(): number
}

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

export interface InFlightJobs {
  sendAll(calls: readonly InFlightCall[]): Promise<InFlightReport>
  rotate(): Promise<void>
}
