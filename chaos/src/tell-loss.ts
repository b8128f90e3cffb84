import type { History } from './history.js'
import type { Journal } from './journal.js'
import type { JudgedLoss } from './judge-loss.js'
import type { RoundPlan } from './plan-round.js'
import type { Proven } from './proofs.js'

export interface RoundStory {
  readonly plan: RoundPlan
  readonly proven: readonly Proven[]
  readonly beganMs: number
  readonly history: History
  readonly journal: Journal
  readonly say: (line: string) => void
}

export interface LossStory extends RoundStory {
  readonly judged: JudgedLoss
  readonly grantId: string
}

/** Everything there is to find out why a grant was lost that could have been kept. No token is in it. */
export function tellLoss({ plan, judged, grantId, proven, beganMs, history, journal, say }: LossStory): void {
  const tell = (entry: object): void => say(`  ${JSON.stringify(entry)}`)
  say(`round ${plan.round}: ${grantId} lost, avoidable: ${judged.cause}; plan ${JSON.stringify(plan)}`)
  for (const each of proven) if (each.grantId === grantId) tell(each)
  for (const each of history.presentations) {
    if (each.family === judged.family && each.endedMs >= beganMs) tell(each)
  }
  for (const kill of history.kills) if (kill.atMs >= beganMs) tell({ kill })
  for (const freeze of history.freezes) if (freeze.toMs >= beganMs) tell({ freeze })
  for (const line of journal.excerpt(beganMs, Number.POSITIVE_INFINITY)) say(`  ${line}`)
}

/** Whoever took this long to get a token, or to hear that there is none. */
export function tellSlow({ plan, proven, beganMs, history, journal, say }: RoundStory, slowMs: number): void {
  const tell = (entry: object): void => say(`  ${JSON.stringify(entry)}`)
  const slow = proven.filter(({ tookMs }) => tookMs > slowMs)
  if (slow.length === 0) return
  say(`round ${plan.round}: slow; plan ${JSON.stringify(plan)}`)
  for (const each of slow) tell(each)
  for (const each of history.presentations) if (each.endedMs >= beganMs) tell(each)
  for (const line of journal.excerpt(beganMs, Number.POSITIVE_INFINITY)) say(`  ${line}`)
}
