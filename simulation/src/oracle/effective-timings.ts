import type { Timings } from '@evergrant/core'
import type { ProviderPlan } from '../run/plan-world.js'

/**
 * What ROTATION.md says the durations are for these lifetimes, written down a second time on purpose: an oracle that
 * asked core would believe it.
 */
export function effectiveTimings(base: Timings, { accessLifeMs, kind }: ProviderPlan): Timings {
  const { requestTimeoutMs, armedLeaseMs, settleMs } = base
  const byLife = accessLifeMs / 4 / (armedLeaseMs + settleMs)
  const fits = kind.graceMs > 0 ? (0.9 * kind.graceMs) / (requestTimeoutMs + armedLeaseMs + settleMs) : 1
  const scale = Math.max(0.1, Math.min(1, byLife, fits < 0.1 ? 1 : fits))
  return {
    ...base,
    leaseMs: base.leaseMs * scale,
    requestTimeoutMs: requestTimeoutMs * scale,
    armedLeaseMs: armedLeaseMs * scale,
    settleMs: settleMs * scale,
    maxHoldMs: base.maxHoldMs * scale,
    minRotationIntervalMs:
      scale === 1 ? base.minRotationIntervalMs : Math.min(base.minRotationIntervalMs, accessLifeMs / 4),
  }
}
