import type { SentRequest } from '../network/sim-fetch.js'
import { short } from './judge-sends.js'
import type { Bench, JudgedProvider } from './oracle.js'

/** P3: whoever read a successor asks to store it before anything else can happen to it. Called after the step. */
export function judgeRead(bench: Bench, request: SentRequest): void {
  const { reply, process } = request
  const successor = reply?.brings
  if (!successor || !request.gotSuccessor || process.state === 'dead' || request.gaveUpAtMs !== undefined)
    return
  const asked = bench.ledger.whereabouts.get(successor.text)?.asked ?? []
  if (asked.some((each) => each.process === process)) return
  bench.violated(
    'P3 kept',
    `${process.name} read ${short(successor)} and did not store it`,
    successor.family.grantId,
  )
}

/** P3: a reply is waited for as long as ROTATION.md says, whoever among the callers has left. */
export function judgeGivingUp(
  bench: Bench,
  provider: JudgedProvider,
  request: SentRequest,
  isClosing: boolean,
): void {
  if (isClosing) return
  // Where a pair is given twice, its second reply names what is left of its life, and timings follow that.
  const least = provider.timings.requestTimeoutMs * (provider.plan.kind.inGrace === 'same-pair' ? 0.1 : 0.95)
  const waitedMs = bench.time.nowMs - request.sentAtMs
  if (waitedMs < least - 2) {
    bench.violated(
      'P3 kept',
      `${request.process.name} stopped waiting for a reply after ${Math.round(waitedMs)} ms`,
    )
  }
}
