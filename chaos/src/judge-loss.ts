import type { Arm, History, Presentation } from './history.js'
import { type JudgedPresentation, judgePresentations, wasWaitedOut } from './judge-presentations.js'

/** Losses that no client can prevent; `docs/rotation.md` has the traces. */
export type UnavoidableCause =
  /** The injector cut this very reply. */
  | 'reply-cut'
  /** Killed between the bytes' leaving and 50 ms after the reply's last byte, nothing in escrow yet (C11). */
  | 'killed-in-flight'
  /** Stopped between its send and its commit for longer than the others wait (C10). */
  | 'frozen'

/** Losses that break a promise. */
export type AvoidableCause =
  /** The successor was in escrow or stored, and the old token was presented all the same. */
  | 'spent-though-kept'
  /** The reply arrived whole, and its sender, alive, gave up before it looked. */
  | 'left-unread'
  /** Killed later than 50 ms after it had read the reply, and nothing was on the disk. */
  | 'late-to-disk'
  /** A request of a living process was overtaken by its own replay (C9). */
  | 'overtaken'
  /** The grant was marked dead though the server would have served it. */
  | 'dead-without-reason'
  /** The grant lives and nobody got a token of it in time. */
  | 'stuck'
  | 'unexplained'

export interface JudgedLoss {
  readonly family: string
  readonly cause: UnavoidableCause | AvoidableCause
  readonly avoidable: boolean
}

export interface LossLimits {
  readonly othersWaitMs: number
  /** How long after the reply's last byte a kill may come before the successor is on the disk. */
  readonly diskGraceMs: number
  /** How long a reply may lie in the socket of a process that lives. */
  readonly unreadGraceMs: number
}

/** Pure: why the server revoked this family. `undefined`: it was not revoked for a reuse. */
export function judgeLoss(history: History, family: string, limits: LossLimits): JudgedLoss | undefined {
  const all = judgePresentations(history, limits.othersWaitMs)
  const judged = all.filter(({ presentation }) => presentation.family === family)
  const fatal = judged.find(({ presentation }) => presentation.decision === 'reuse')
  if (!fatal) return undefined
  const spending = judged.find(
    ({ presentation }) =>
      presentation.token === fatal.presentation.token && presentation.decision === 'rotated',
  )
  if (!spending) return loss(family, 'unexplained')
  return loss(family, causeOf(history, spending, fatal, limits))
}

export function loss(family: string, cause: JudgedLoss['cause']): JudgedLoss {
  const unavoidable = cause === 'reply-cut' || cause === 'killed-in-flight' || cause === 'frozen'
  return { family, cause, avoidable: !unavoidable }
}

function causeOf(
  history: History,
  spending: JudgedPresentation,
  fatal: JudgedPresentation,
  limits: LossLimits,
): JudgedLoss['cause'] {
  if (fatal.presentation.arrivedMs < spending.presentation.arrivedMs) {
    // Its sender was dead: without the replay the server had spent the token for a reply that nobody reads.
    const { arm, presentation } = fatal
    return arm && diedInFlight(history, presentation, arm, limits) ? 'killed-in-flight' : 'overtaken'
  }
  const { successor } = spending.presentation
  const keptBefore = fatal.arm?.armedMs ?? fatal.presentation.arrivedMs
  const kept = history.knowledge.some(
    (each) => each.successor === successor && each.how !== 'read' && each.atMs < keptBefore,
  )
  if (fatal.kind === 'double-spend') return 'spent-though-kept'
  if (spending.presentation.replyCut) return 'reply-cut'
  if (spending.arm && fatal.arm && wasWaitedOut(history, spending.arm, fatal.arm, limits.othersWaitMs))
    return 'frozen'
  if (kept) return 'spent-though-kept'
  if (spending.arm && diedInFlight(history, spending.presentation, spending.arm, limits)) {
    return 'killed-in-flight'
  }
  const reader = history.knowledge.find((each) => each.successor === successor)?.worker
  if (reader === undefined) return 'left-unread'
  return history.kills.some(({ worker }) => worker === reader) ? 'late-to-disk' : 'unexplained'
}

/**
 * The reply could not be on the disk yet when its reader was killed. Its last byte counts from when the worker had
 * read it; one that never did must have been killed soon after the server had sent it, or without having run again.
 */
function diedInFlight(history: History, presentation: Presentation, arm: Arm, limits: LossLimits): boolean {
  const { worker } = arm
  const { successor, endedMs } = presentation
  const kill = history.kills.find((each) => each.worker === worker && each.atMs >= arm.armedMs)
  if (!kill) return false
  const reads = history.knowledge.filter(
    (each) => each.how === 'read' && each.worker === worker && each.successor === successor,
  )
  const readMs = reads.map(({ atMs }) => atMs).sort((a, b) => a - b)[0]
  if (readMs !== undefined) return kill.atMs <= readMs + limits.diskGraceMs
  const dueMs = endedMs + limits.unreadGraceMs
  return (
    kill.atMs <= dueMs ||
    history.freezes.some(
      (each) => each.worker === worker && each.fromMs < dueMs && each.toMs >= kill.atMs - WOKEN_MS,
    )
  )
}

/** Woken and killed within this is killed asleep. */
const WOKEN_MS = 20
