import type { PassolutionOptions } from '@evergrant/core'

/** What a worker needs to begin. Sent as a message: what is in the arguments is seen by every `ps`. */
export interface WorkerSetup {
  readonly type: 'setup'
  /** The folder of the SQLite file; removed by the last worker when the main process has died. */
  readonly folder: string
  readonly path: string
  readonly provider: PassolutionOptions
  readonly apiUrl: string
}

/** From the main process to a worker. */
export type Order =
  | WorkerSetup
  /**
   * Get ready to be killed: begin no more calls and let no more refresh token leave. `holdLease`: then begin a
   * rotation and stop with the lease in hand.
   */
  | { readonly type: 'drill'; readonly holdLease: boolean }
  | { readonly type: 'stop' }

/** `waiting`: another process rotates. `rotating`: this one holds the lease. `drilled`: ready to be killed. */
export type Activity = 'calling' | 'waiting' | 'rotating' | 'drilled'

export interface Report {
  readonly type: 'report'
  readonly calls: number
  readonly failures: number
  readonly activity: Activity
  /** 0: no token yet. */
  readonly generation: number
}

/** From a worker to the main process. */
export type Message =
  | Report
  | { readonly type: 'ready' }
  /** This worker spent the refresh token before `generation`. */
  | { readonly type: 'rotated'; readonly generation: number }
  /** Something that should not happen, in words without secrets. */
  | { readonly type: 'trouble'; readonly text: string }
  /** Ready to be killed; no refresh token of this worker is under way. */
  | { readonly type: 'drilled'; readonly holdsLease: boolean }
