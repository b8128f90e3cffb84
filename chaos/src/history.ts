/** What is known of a run, as plain data on one clock: the material that is judged. Tokens are fingerprints. */

/** The store's positive answer to arm, as the worker read it: from here on the bytes may leave. */
export interface Arm {
  readonly worker: number
  readonly token: string
  /** When it last asked for the lease, and with that for what lies in escrow. */
  readonly lookedMs: number
  readonly askedMs: number
  readonly armedMs: number
}

/**
 * A successor became known: `read` whole from the reply by this worker, `escrowed` on the machine's disk,
 * `stored` in the store that all share. The last two outlive the worker.
 */
export interface Knowledge {
  readonly worker: number
  readonly how: 'read' | 'escrowed' | 'stored'
  readonly successor: string
  readonly atMs: number
}

/** A refresh token arrived at the server. */
export interface Presentation {
  readonly family: string
  readonly token: string
  readonly arrivedMs: number
  /** When the reply was written or the connection was gone. */
  readonly endedMs: number
  /** `reuse`: it was spent already, and the family was revoked for it. */
  readonly decision: 'rotated' | 'reuse' | 'other'
  /** What it was replaced by. */
  readonly successor: string | null
  /** The injector cut, withheld or spoiled this reply. */
  readonly replyCut: boolean
}

export interface Kill {
  readonly worker: number
  /** Just before the signal. */
  readonly atMs: number
}

export interface Freeze {
  readonly worker: number
  readonly fromMs: number
  readonly toMs: number
}

export interface History {
  readonly arms: readonly Arm[]
  readonly knowledge: readonly Knowledge[]
  readonly presentations: readonly Presentation[]
  readonly kills: readonly Kill[]
  readonly freezes: readonly Freeze[]
}
