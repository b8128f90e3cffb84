import type { GrantRecord } from '@evergrant/core'
import type { SimProcess } from '../fleet/sim-process.js'
import type { ServerToken } from '../server/token-family.js'
import { short } from './judge-sends.js'
import { type DeliveredArm, type LossCause, type Presentation, refreshTokenIn } from './ledger.js'
import type { Bench } from './oracle.js'
import { whyOutOfReach } from './why-lost.js'

/** A grant was marked dead: it was dead, or nobody who acts by the protocol could know that it was not. */
export function judgeDead(bench: Bench, process: SimProcess, record: GrantRecord): void {
  const { ledger, time } = bench
  const grant = record.grantId
  const server = bench.providers.get(record.provider)?.server
  const text = refreshTokenIn(record.secret)
  const token = text === undefined ? undefined : server?.book.token(text)
  if (!server || !token) {
    bench.violated('store', 'a grant was marked dead whose token nobody knows', grant)
    return
  }
  const dead = (cause: LossCause): void => {
    bench.tell(() => `${grant} is dead: ${cause}`)
    ledger.losses.push({ grant, chain: record.chain, cause, atMs: time.nowMs })
  }
  if (token.family.revoked === 'user') {
    dead('revoked-by-user')
    return
  }
  // Judged when it was revoked.
  if (token.family.revoked === 'reuse') {
    dead(ledger.revoked.get(token.family.name) ?? 'forgotten')
    return
  }
  if (server.book.accepts(token, time.nowMs) && token.spentAtMs === undefined) {
    bench.violated(
      'P8 alive',
      `${process.name} marked a grant dead whose ${short(token)} its server accepts`,
      grant,
    )
    return
  }
  if (token.spentAtMs === undefined && !token.killed) {
    dead('expired')
    return
  }
  // C8: the second use that killed it was judged when it was armed.
  if (token.killed) {
    dead('holder-out-of-reach')
    return
  }
  const cause = causeFor(bench, process, token.successors, time.nowMs)
  if (cause) dead(cause)
  else
    bench.violated(
      'P8 alive',
      `${process.name} marked a grant dead though its successor was within reach`,
      grant,
    )
}

/** The server revoked a family because a spent token was presented. */
export function judgeReuse(bench: Bench, { request, token, arm }: Presentation): void {
  const { ledger, time } = bench
  const grant = token.family.grantId
  const spending = (ledger.presentations.get(token.text) ?? []).filter(
    (each) => each.request !== request && each.request.arrivedAtMs !== undefined,
  )
  const overtaken = spending.some((each) => each.request.sentAtMs > request.sentAtMs)
  const atMs = arm?.armedAtMs ?? request.sentAtMs
  let cause: LossCause | undefined
  if (overtaken) cause = 'overtaken'
  else if (spending.some((earlier) => isForgotten(bench, earlier, arm, atMs))) cause = 'forgotten'
  else cause = causeFor(bench, request.process, token.successors, atMs, arm?.lookedAtMs)
  if (!cause) {
    bench.violated(
      'P1 spent-once',
      `${request.process.name} had a family revoked by a second use of ${short(token)}`,
      grant,
    )
    return
  }
  bench.tell(() => `${grant} was revoked by its server: ${cause}`)
  ledger.revoked.set(token.family.name, cause)
  ledger.losses.push({ grant, chain: arm?.record.chain ?? '', cause, atMs: time.nowMs })
}

/** The store no longer shows an attempt that it had answered: no look could find it. */
function isForgotten(
  { ledger }: Bench,
  { arm: earlier, token }: Presentation,
  arm: DeliveredArm | undefined,
  atMs: number,
): boolean {
  const forgottenAtMs = ledger.forgotten.get(token.family.grantId)
  if (!earlier || forgottenAtMs === undefined) return false
  const isShown = arm?.record.attempts.some(({ id }) => id === earlier.attempt)
  return !isShown && earlier.armedAtMs <= forgottenAtMs && forgottenAtMs <= atMs
}

function causeFor(
  { ledger }: Bench,
  process: SimProcess,
  successors: readonly ServerToken[],
  atMs: number,
  lookedAtMs = atMs,
): LossCause | undefined {
  let cause: LossCause | undefined
  for (const successor of successors) {
    const whereabouts = ledger.whereabouts.get(successor.text)
    if (!whereabouts || successor.killed || successor.issuedAtMs > atMs) continue
    const why = whyOutOfReach(ledger, whereabouts, atMs, process, lookedAtMs)
    if (why === undefined) return undefined
    cause ??= why
  }
  return cause ?? 'reply-lost'
}
