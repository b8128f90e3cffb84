import { hiddenMs } from '../fleet/clock-mark.js'
import type { SimProcess } from '../fleet/sim-process.js'
import type { SentRequest } from '../network/sim-fetch.js'
import type { ServerToken } from '../server/token-family.js'
import { judgeReplay } from './judge-replay.js'
import type { DeliveredArm, DeliveredSlot, Presentation } from './ledger.js'
import { push } from './ledger.js'
import type { Bench, JudgedProvider } from './oracle.js'
import { whyOutOfReach } from './why-lost.js'

/** Rounding of clocks with whole milliseconds. */
const ROUNDING_MS = 2

/** P1, P2 and P4 at the instant at which the bytes of a request leave. */
export function judgeSend(
  bench: Bench,
  provider: JudgedProvider,
  request: SentRequest,
  refreshToken: string | undefined,
): void {
  judgeBudget(bench, provider, request)
  if (refreshToken === undefined) return
  const token = provider.server.book.token(refreshToken)
  if (!token) {
    bench.violated('P1 spent-once', 'a refresh token was sent that its server never issued')
    return
  }
  const arm = armFor(bench, request.process, refreshToken)
  const presentation: Presentation = { request, token, arm }
  if (!arm) {
    bench.violated(
      'P1 spent-once',
      `${short(token)} left ${request.process.name} without being armed`,
      token.family.grantId,
    )
  } else {
    arm.used = true
    judgeLease(bench, arm)
    judgeSpent(bench, token, arm)
    judgeReplay(bench, provider, token, arm)
  }
  push(bench.ledger.presentations, refreshToken, presentation)
}

export const short = (token: ServerToken): string => `RT ${token.text.slice(3).replace('.seCReT', '')}`

function armFor(bench: Bench, process: SimProcess, token: string): DeliveredArm | undefined {
  return bench.ledger.arms.get(process)?.findLast((arm) => arm.token === token && !arm.used)
}

/** P2: by what the sender's clocks could show; a paused machine cannot know better than its last answer. */
function judgeLease(bench: Bench, arm: DeliveredArm): void {
  const { store, time } = bench
  const grant = arm.key.grantId
  const overdueMs = store.nowMs() - hiddenMs(arm.process, arm.askedAt, time) - arm.untilMs
  if (overdueMs > ROUNDING_MS) {
    bench.violated(
      'P2 one-at-a-time',
      `${arm.process.name} sent ${Math.round(overdueMs)} ms after its lease had ended`,
      grant,
    )
  }
  const stored = store.get(arm.key)
  if (!stored || !bench.remembers(grant) || store.nowMs() >= arm.untilMs) return
  const sameLink =
    stored.record.chain === arm.record.chain && stored.record.generation === arm.record.generation
  if (sameLink && stored.record.state === 'live' && stored.lease?.attempt !== arm.attempt) {
    bench.violated(
      'P2 one-at-a-time',
      `${arm.process.name} sent while the store had no lease of its attempt ${arm.attempt}`,
      grant,
    )
  }
}

/** P1: by what was the case when the store carried the arm out. */
function judgeSpent(bench: Bench, token: ServerToken, arm: DeliveredArm): void {
  const { ledger } = bench
  for (const successor of token.successors) {
    const whereabouts = ledger.whereabouts.get(successor.text)
    if (!whereabouts || successor.killed) continue
    const atMs = arm.armedAtMs
    if (successor.issuedAtMs > atMs) continue
    const { storedAtMs, escrowedAtMs, refusedAtMs } = whereabouts
    const here = escrowedAtMs.get(arm.process.machine.name)
    // What the store has no place for is not kept on the disk either.
    const wasDropped = refusedAtMs !== undefined && refusedAtMs < arm.lookedAtMs
    const wasHere = here !== undefined && here < arm.lookedAtMs && !wasDropped
    // A store that forgot a removal, say, has brought back what was dropped for good.
    if (!wasHere && !bench.remembers(token.family.grantId)) continue
    if (whyOutOfReach(ledger, whereabouts, atMs, undefined) !== undefined && !wasHere) continue
    const where =
      storedAtMs !== undefined && storedAtMs <= atMs
        ? 'was stored'
        : wasHere
          ? 'lay in the escrow of the same machine'
          : 'was in the hands of a living process that others had to wait for'
    bench.violated(
      'P1 spent-once',
      `${arm.process.name} sent ${short(token)} though its replacement ${short(successor)} ${where} when it armed`,
      token.family.grantId,
    )
  }
}

/** P4: every send has a slot that is in date, and no window holds more slots than the provider allows. */
function judgeBudget(bench: Bench, { plan, budgetKey }: JudgedProvider, request: SentRequest): void {
  if (!plan.budget) return
  const { store, time } = bench
  const slots = bench.ledger.slots.get(request.process) ?? []
  const inDate = (slot: DeliveredSlot): boolean =>
    store.nowMs() - hiddenMs(request.process, slot.askedAt, time) <= slot.validUntilMs + ROUNDING_MS
  const slot = slots.find((each) => each.bucket === budgetKey && !each.used && inDate(each))
  if (slot) slot.used = true
  else bench.violated('P4 within-budget', `${request.process.name} sent without a slot that was in date`)
}
