import type { GrantKey, GrantRecord } from '@evergrant/core'
import type { ClockMark } from '../fleet/clock-mark.js'
import type { SimProcess } from '../fleet/sim-process.js'
import type { SentRequest } from '../network/sim-fetch.js'
import type { ServerToken } from '../server/token-family.js'

/** A positive answer to arm that reached its process. */
export interface DeliveredArm {
  readonly process: SimProcess
  readonly key: GrantKey
  readonly attempt: string
  /** The refresh token it was for. */
  readonly token: string
  readonly record: GrantRecord
  readonly askedAt: ClockMark
  /** True time at which the store carried it out. */
  readonly armedAtMs: number
  /** Store clock. */
  readonly untilMs: number
  /** When this process last asked for the lease before: what lay in escrow then, it had to find. */
  readonly lookedAtMs: number
  used: boolean
}

/** A request with a refresh token in it. */
export interface Presentation {
  readonly request: SentRequest
  readonly token: ServerToken
  readonly arm: DeliveredArm | undefined
}

/** A slot of the budget that reached its process. */
export interface DeliveredSlot {
  readonly process: SimProcess
  readonly bucket: string
  readonly id: string
  readonly askedAt: ClockMark
  readonly validUntilMs: number
  used: boolean
}

/** Where a successor has been, in true time. */
export interface Whereabouts {
  readonly token: ServerToken
  /** Requests whose replies brought it. */
  readonly brought: Presentation[]
  /** When the shared store first had it. */
  storedAtMs: number | undefined
  /** When the store first said that there is no place for it: the grant was removed, or authorized anew. */
  refusedAtMs: number | undefined
  /** Local stores that have had it, by machine. */
  readonly escrowedAtMs: Map<string, number>
  /** Tries to store it that a fault spoiled. */
  readonly spoiled: { readonly process: SimProcess; readonly atMs: number }[]
  /** Tries to store it. */
  readonly asked: { readonly process: SimProcess; readonly atMs: number }[]
}

/** A grant that nobody can use any more, or that was lost for a while, and why no client could help it. */
export interface Loss {
  readonly grant: string
  readonly chain: string
  readonly cause: LossCause
  readonly atMs: number
}

/** `docs/rotation.md` has the traces. */
export type LossCause =
  /** The network kept the reply. */
  | 'reply-lost'
  /** C9: a request was overtaken by its own replay. */
  | 'overtaken'
  /** C10: its holder stood still, or was cut off from the store, for longer than others can wait. */
  | 'holder-out-of-reach'
  /** It lies on the disk of a machine whose process died; others cannot see it. */
  | 'escrowed-elsewhere'
  /** C11: killed between reading the reply and having it on a disk. */
  | 'killed-with-it'
  /** The store forgot what it had said it had stored. */
  | 'forgotten'
  /** Not a loss by rotation at all. */
  | 'expired'
  | 'revoked-by-user'

/** Everything that the judges know. Facts alone, no verdicts. */
export interface Ledger {
  readonly presentations: Map<string, Presentation[]>
  readonly whereabouts: Map<string, Whereabouts>
  readonly arms: Map<SimProcess, DeliveredArm[]>
  readonly slots: Map<SimProcess, DeliveredSlot[]>
  /** Order in which chains were stored. */
  readonly chains: Map<string, number>
  /** Grants of which the store forgot something, and when. */
  readonly forgotten: Map<string, number>
  readonly losses: Loss[]
  /** Families that their server revoked for a reuse, and why no client could prevent it. */
  readonly revoked: Map<string, LossCause>
  /** Access tokens that an API refused and a process was told of. */
  readonly rejected: Set<string>
  /** Who armed an attempt. */
  readonly attemptOf: Map<string, SimProcess>
  /** When the store first gave a process a lease with this attempt of another open, by both names. */
  readonly shownOpenAtMs: Map<string, number>
  /** Who waits for which open attempts, since when on its own monotonic clock, by process and own attempt. */
  readonly settling: Map<
    string,
    { readonly names: string; readonly sinceMs: number; readonly lastAtMs: number }
  >
  /** When core asked to arm, by its very question: what came after that it could not wait for. */
  readonly armAskedAtMs: WeakMap<object, number>
  /** When a process last heard that the lease of a grant could not be had because the store was away. */
  readonly awayAtMs: Map<string, number>
  /** Access tokens whose expiry was written down by a machine that could not know better, and by how much. */
  readonly writtenLateByMs: Map<string, () => number>
}

export function createLedger(): Ledger {
  return {
    presentations: new Map(),
    whereabouts: new Map(),
    arms: new Map(),
    slots: new Map(),
    chains: new Map(),
    forgotten: new Map(),
    losses: [],
    revoked: new Map(),
    rejected: new Set(),
    writtenLateByMs: new Map(),
    attemptOf: new Map(),
    shownOpenAtMs: new Map(),
    armAskedAtMs: new WeakMap(),
    settling: new Map(),
    awayAtMs: new Map(),
  }
}

export const grantName = ({ provider, grantId }: GrantKey): string => `${provider}/${grantId}`

/** The refresh token in a stored secret. */
export function refreshTokenIn(secret: string): string | undefined {
  return /"refresh_token":"([^"]+)"/.exec(secret)?.[1]
}

export function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
