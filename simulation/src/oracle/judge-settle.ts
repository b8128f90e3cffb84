import type { ArmRequest, GrantLink } from '@evergrant/core'
import type { SimProcess } from '../fleet/sim-process.js'
import type { StoreWrite } from '../store/sim-store.js'
import { grantName, type Ledger } from './ledger.js'
import type { Bench } from './oracle.js'

/**
 * P1: whoever finds another's attempt open gives its successor time to arrive, counted from when the store showed that
 * the other's lease had ended, and again from when the store was back.
 */
export function judgeSettle(bench: Bench, process: SimProcess, write: StoreWrite): void {
  const { ledger, time } = bench
  const { before, atMs } = write
  const { status } = write.answer as { status: string }
  if (!before) return
  const { record } = before
  const holders = holdersOf(ledger, record)
  if (status === 'acquired' && !holders.has(process)) holders.set(process, atMs)
  if (status !== 'armed') return
  const { attempt } = write.request as ArmRequest
  const open = record.attempts.filter(
    ({ id, state }) => state === 'open' && id !== attempt && ledger.attemptOf.get(id) !== process,
  )
  if (!ledger.attemptOf.has(attempt)) ledger.attemptOf.set(attempt, process)
  // Whoever else settled did so for somebody else's attempt.
  for (const holder of holders.keys()) if (holder !== process) holders.delete(holder)
  const provider = bench.providers.get(record.provider)
  // Where a pair is given twice timings follow what is left of its life, which only core knows.
  if (open.length === 0 || !provider || provider.plan.kind.inGrace === 'same-pair') return
  const heldForMs = atMs - (holders.get(process) ?? atMs)
  const awayAtMs = ledger.awayAtMs.get(`${process.name} ${grantName(record)}`) ?? Number.NEGATIVE_INFINITY
  const waitedMs = Math.min(heldForMs, atMs - awayAtMs)
  if (awayAtMs > time.nowMs || waitedMs >= provider.timings.settleMs * 0.9) return
  const what = `${process.name} armed ${Math.round(waitedMs)} ms after it could first know of another's open attempt`
  bench.violated('P1 spent-once', what, record.grantId)
}

/** A lease that ran out while its holder was frozen is taken again: what it waited before counts. */
function holdersOf(
  { heldSinceMs }: Ledger,
  { chain, generation, ...key }: GrantLink,
): Map<SimProcess, number> {
  const link = `${grantName(key)} ${chain} ${generation}`
  const known = heldSinceMs.get(link) ?? new Map<SimProcess, number>()
  heldSinceMs.set(link, known)
  return known
}
