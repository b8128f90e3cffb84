import type { World } from '../run/world.js'

/** P4: grants that were saved together are not due together. */
export function judgeSpread({ store, verdicts, plan }: World): void {
  for (const { id, accessLifeMs, grants } of plan.providers) {
    if (grants < 4) continue
    const shares = new Set<string>()
    for (const { record } of store.all()) {
      const { provider, expiresAtMs, renewAtMs } = record
      if (provider !== id || expiresAtMs === null || renewAtMs === null) continue
      shares.add(((expiresAtMs - renewAtMs) / accessLifeMs).toFixed(3))
    }
    if (shares.size === 1)
      verdicts.bench.violated('P4 within-budget', 'grants that were saved together are due together')
  }
}
