import type { OAuth2ProviderOptions } from '@evergrant/core'
import type { StoreAddress } from './open-store.js'

/** Steps of a rotation at which a worker can be told to strike itself. */
export type Step = 'acquired' | 'arming' | 'armed' | 'read' | 'escrowed' | 'stored'

/** To die, or to stand still until SIGCONT. */
export type StrikeSignal = 'SIGKILL' | 'SIGSTOP'

export interface WorkerSetup {
  readonly type: 'setup'
  readonly worker: number
  readonly clockBaseMs: number
  /** Where this worker writes what it does, line by line. */
  readonly journal: string
  readonly store: StoreAddress
  readonly provider: OAuth2ProviderOptions
  readonly apiUrl: string
}

/** From the main process to a worker. */
export type Order =
  | WorkerSetup
  /** Need a new token of every grant, now. `forced`: without waiting for the API to refuse the old one. */
  | { readonly type: 'provoke'; readonly forced: boolean }
  /** Call the API for every grant until it answers 200. */
  | { readonly type: 'prove'; readonly round: number }
  /** At this step of any grant, send yourself this signal. */
  | { readonly type: 'aim'; readonly step: Step; readonly signal: StrikeSignal }
  | { readonly type: 'disarm'; readonly signal: StrikeSignal }

export interface Proof {
  readonly type: 'proof'
  readonly round: number
  readonly grantId: string
  readonly outcome: 'works' | 'dead'
  readonly atMs: number
}

/** From a worker to the main process. */
export type Message =
  | { readonly type: 'booted' }
  | { readonly type: 'ready' }
  | { readonly type: 'disarmed'; readonly signal: StrikeSignal }
  | Proof
  /** Why it has no token yet, in words without secrets. */
  | { readonly type: 'waits'; readonly grantId: string; readonly reason: string }

/** One line of a worker's journal, written before the worker does anything more. */
export type JournalLine =
  | {
      readonly e: 'armed'
      readonly t: number
      readonly token: string
      readonly lookedMs: number
      readonly askedMs: number
    }
  | { readonly e: 'read' | 'escrowed' | 'stored'; readonly t: number; readonly successor: string }
  /** It sends itself the signal right after this line. */
  | { readonly e: 'strikes'; readonly t: number; readonly signal: StrikeSignal }
  /** For whoever reads the journal by eye. */
  | { readonly e: 'note'; readonly t: number; readonly text: string }
