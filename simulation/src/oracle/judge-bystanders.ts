import type { World } from '../run/world.js'
import type { Call } from './judge-hand-outs.js'

/** How long a call may take that has nothing to do with whoever is in trouble. */
const UNTROUBLED_MS = 12_000

/** P6: where faults befall one grant or one provider alone, everybody else notices nothing. */
export function judgeBystander(
  { plan, time, verdicts, conditions }: World,
  call: Call,
  code: string | undefined,
): void {
  const [first] = plan.providers
  if (conditions.calm || plan.illness === 'anyone') return
  const isIll =
    plan.illness === 'first-provider'
      ? call.provider.plan.id === first?.id
      : call.grantId === `${first?.id}-1`
  const hasDied = verdicts.bench.ledger.losses.some(
    ({ grant, cause }) => grant === call.grantId && cause === 'expired',
  )
  if (isIll || hasDied) return
  const tookMs = time.nowMs - call.startedAtMs
  const failed = code !== undefined && !['left', 'VALIDITY_UNATTAINABLE', 'GRANT_NOT_FOUND'].includes(code)
  const hadTime = call.timeoutMs > UNTROUBLED_MS
  if (tookMs > UNTROUBLED_MS || (failed && hadTime)) {
    const what = `a call took ${Math.round(tookMs)} ms${code ? ` and got ${code}` : ''} though only another was in trouble`
    verdicts.bench.violated('P6 apart', what, call.grantId)
  }
}
