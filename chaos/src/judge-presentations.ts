import type { Arm, History, Knowledge, Presentation } from './history.js'

/**
 * `first`: the token had not been presented before. `replay`: sent again, and whoever sent it could not know
 * better. `double-spend`: its successor was known where the sender had to look, or nobody had armed it.
 */
export type PresentationKind = 'first' | 'replay' | 'double-spend'

export interface JudgedPresentation {
  readonly presentation: Presentation
  readonly kind: PresentationKind
  /** Who sent it; `undefined`: no worker had armed this token. */
  readonly arm: Arm | undefined
  /** For a double spend: what its sender had to respect. */
  readonly against: Knowledge | undefined
}

/** The clock of a store has whole milliseconds, and is not ours. */
const CLOCK_SLACK_MS = 5

/**
 * Pure. Every arrival is given to the latest arm of this token before it that has no arrival yet: leases make arms
 * of one token follow each other. Then what was known when that arm was answered decides.
 */
export function judgePresentations(history: History, othersWaitMs: number): readonly JudgedPresentation[] {
  const inOrder = [...history.presentations].sort((a, b) => a.arrivedMs - b.arrivedMs)
  const armsOf = groupBy(history.arms, ({ token }) => token)
  const knowledgeOf = groupBy(history.knowledge, ({ successor }) => successor)
  const spentBy = groupBy(
    inOrder.filter(({ successor }) => successor !== null),
    ({ token }) => token,
  )
  const taken = new Map<Arm, Presentation>()
  const presented = new Set<string>()

  const judged = inOrder.map((presentation) => {
    const { token, arrivedMs } = presentation
    const open = (armsOf.get(token) ?? []).filter((arm) => arm.armedMs <= arrivedMs && !taken.has(arm))
    const arm = open.sort((a, b) => b.armedMs - a.armedMs)[0]
    if (arm) taken.set(arm, presentation)
    const again = presented.has(token)
    presented.add(token)
    return { presentation, arm, again }
  })

  return judged.map(({ presentation, arm, again }) => {
    if (!arm) return { presentation, arm, kind: 'double-spend' as const, against: undefined }
    const successors = (spentBy.get(presentation.token) ?? []).filter((each) => each !== presentation)
    const against = successors
      .flatMap(({ successor }) => knowledgeOf.get(successor ?? '') ?? [])
      .find((knowledge) => hadToBeRespected(history, knowledge, arm, othersWaitMs))
    const kind = against ? ('double-spend' as const) : again ? ('replay' as const) : ('first' as const)
    return { presentation, arm, kind, against }
  })
}

/**
 * What is stored binds everyone who arms later, what lies in escrow everyone who looks there later. What is only in
 * a worker's hands binds as long as others wait for it: a worker that died takes it along, and one that stood still
 * for longer than the others wait looks to them like a dead one (C10).
 */
function hadToBeRespected(history: History, knowledge: Knowledge, arm: Arm, othersWaitMs: number): boolean {
  const { worker, how, atMs } = knowledge
  if (atMs >= arm.armedMs) return false
  if (how === 'stored') return true
  if (how === 'escrowed' && atMs < arm.lookedMs) return true
  if (how === 'read' && diedBefore(history, worker, arm.armedMs)) return false
  const holder = history.arms
    .filter((each) => each.token === arm.token && each.worker === worker && each.armedMs <= atMs)
    .sort((a, b) => b.armedMs - a.armedMs)[0]
  return !(holder && wasWaitedOut(history, holder, arm, othersWaitMs))
}

/** Whether `holder` stood still while others waited their whole time for it, and then `next` armed (C10). */
export function wasWaitedOut(history: History, holder: Arm, next: Arm, othersWaitMs: number): boolean {
  const waited = next.armedMs - holder.askedMs >= othersWaitMs - CLOCK_SLACK_MS
  return waited && stoodStill(history, holder.worker, holder.askedMs, next.armedMs)
}

function stoodStill(history: History, worker: number, fromMs: number, toMs: number): boolean {
  return history.freezes.some(
    (freeze) => freeze.worker === worker && freeze.fromMs < toMs && freeze.toMs > fromMs,
  )
}

function diedBefore(history: History, worker: number, atMs: number): boolean {
  return history.kills.some((kill) => kill.worker === worker && kill.atMs <= atMs)
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}
