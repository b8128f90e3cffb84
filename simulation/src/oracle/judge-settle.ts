import type { AcquireAnswer, AcquireRequest, ArmRequest, SendAttempt } from '@evergrant/core'
import type { SimProcess } from '../fleet/sim-process.js'
import type { StoreWrite } from '../store/sim-store.js'
import { grantName } from './ledger.js'
import type { Bench } from './oracle.js'

/**
 * P1: whoever finds another's attempt open gives its successor time to arrive, counted from when the store first gave
 * it the lease with that attempt in the record, and again from when the store was back.
 */
export function judgeSettle(bench: Bench, process: SimProcess, write: StoreWrite): void {
  const { ledger } = bench
  const { before, atMs } = write
  const { status } = write.answer as { status: string }
  if (!before) return
  const { record } = before
  const { attempt: own } = write.request as ArmRequest
  const isForeign = ({ id, state }: SendAttempt): boolean =>
    state === 'open' && id !== own && ledger.attemptOf.get(id) !== process
  const open = record.attempts.filter(isForeign)
  const place = ({ id }: SendAttempt): string => `${process.name} ${id}`
  if (status === 'acquired') {
    for (const each of open)
      if (!ledger.shownOpenAtMs.has(place(each))) ledger.shownOpenAtMs.set(place(each), atMs)
  }
  if (status !== 'armed') return
  if (!ledger.attemptOf.has(own)) ledger.attemptOf.set(own, process)
  const provider = bench.providers.get(record.provider)
  // Where a pair is given twice timings follow what is left of its life, which only core knows.
  if (open.length === 0 || !provider || provider.plan.kind.inGrace === 'same-pair') return
  const shownAtMs = Math.max(...open.map((each) => ledger.shownOpenAtMs.get(place(each)) ?? atMs))
  const awayAtMs = ledger.awayAtMs.get(`${process.name} ${grantName(record)}`) ?? Number.NEGATIVE_INFINITY
  const askedAtMs = ledger.armAskedAtMs.get(write.request as object) ?? atMs
  // Core has given this question up: no byte follows from its answer.
  if (atMs - askedAtMs >= provider.timings.storeTimeoutMs) return
  const waitedMs = askedAtMs - Math.max(shownAtMs, awayAtMs)
  if (awayAtMs > askedAtMs || waitedMs >= provider.timings.settleMs * 0.9) return
  const what = `${process.name} armed ${Math.round(waitedMs)} ms after it could first know of another's open attempt`
  bench.violated('P1 spent-once', what, record.grantId)
}

/** Between two looks of one settle; after more it has begun anew. */
const LONGEST_GAP_MS = 4_000
/** The last look may have been long under way. */
const LAST_LOOK_MS = 8_000

/**
 * P8: and no longer than that, whatever becomes of its wall clock. Called when core asks for the lease; what it returns,
 * when it hears the answer. A look that fails begins the wait anew.
 */
export function judgeSettling(
  { ledger, time, providers, violated }: Bench,
  process: SimProcess,
  { attempt, provider, grantId }: AcquireRequest,
): (answer: AcquireAnswer) => void {
  const { settling } = ledger
  const place = `${process.name} ${attempt}`
  const before = settling.get(place)
  const goesOn = before !== undefined && time.nowMs - before.lastAtMs < LONGEST_GAP_MS
  settling.delete(place)
  return (answer) => {
    if (answer.status !== 'acquired') return
    const open = answer.record.attempts.filter(({ id, state }) => state === 'open' && id !== attempt)
    if (open.length === 0) return
    const names = open.map(({ id }) => id).join()
    const nowMs = process.machine.monotonicMs()
    const sinceMs = goesOn && before.names === names ? before.sinceMs : nowMs
    settling.set(place, { names, sinceMs, lastAtMs: time.nowMs })
    const settleMs = providers.get(provider)?.timings.settleMs ?? 0
    if (nowMs - sinceMs <= settleMs + LAST_LOOK_MS) return
    violated('P8 alive', `${process.name} still settles after ${Math.round(nowMs - sinceMs)} ms`, grantId)
  }
}
