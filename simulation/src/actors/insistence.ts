import type { Host } from '../fleet/host.js'
import type { JudgedProvider } from '../oracle/oracle.js'
import type { Run } from '../run/play-seed.js'
import type { World } from '../run/world.js'
import { call, type Outcome } from './caller.js'

/** Between two tries. */
const AGAIN_MS = 3_000
/**
 * How long after the faults a grant may take: the longest backoff (five minutes), and requests and leases of before.
 * After three unanswered sends pauses grow up to an hour, each send one answer.
 */
const BOUND_MS = 15 * 60_000
const BOUND_AFTER_MANY_SENDS_MS = 3 * 3_600_000

/** P8: when faults end, every process gets a token of every grant in bounded time, or is told that it is dead. */
export async function insistOnAll(world: World, run: Run): Promise<void> {
  const { hosts, grants, time, verdicts } = world
  const open = new Set<object>()
  const beganAtMs = time.nowMs
  for (const host of hosts) {
    for (const { provider, grantId } of grants) insist(host, provider, grantId)
  }
  await run(world, () => open.size === 0)

  function insist(host: Host, provider: JudgedProvider, grantId: string): void {
    const task = {}
    open.add(task)
    const key = { provider: provider.plan.id, grantId }
    const sends = world.store.get(key)?.record.sends ?? 0
    let boundMs = sends >= 2 ? BOUND_AFTER_MANY_SENDS_MS : BOUND_MS
    const owner = host.current
    const ask = (): void =>
      call(world, owner, provider, grantId, { timeoutMs: 30_000, usesIt: false }, (outcome) => {
        if (isFinal(outcome)) {
          open.delete(task)
          return
        }
        if ((world.store.get(key)?.record.sends ?? 0) >= 2) boundMs = BOUND_AFTER_MANY_SENDS_MS
        const code = outcome.kind === 'failed' ? outcome.code : ''
        if (time.nowMs - beganAtMs > boundMs) {
          if (code === 'STORE_UNAVAILABLE' && !verdicts.bench.remembers(grantId)) open.delete(task)
          else
            verdicts.bench.violated(
              'P8 alive',
              `${owner.process.name} still gets ${code} ${Math.round(boundMs / 60_000)} min after the last fault`,
              grantId,
            )
          return
        }
        // What it says of when to come back is worth believing.
        const { retryAfterMs = 0 } = (outcome.kind === 'failed' ? outcome.error : {}) as {
          retryAfterMs?: number
        }
        owner.process.post(Math.max(AGAIN_MS, Math.min(retryAfterMs, 600_000)), 'insist', ask)
      })
    owner.process.post(0, 'insist', ask)
  }
}

function isFinal(outcome: Outcome): boolean {
  return (
    outcome.kind === 'token' ||
    outcome.code === 'REAUTHORIZATION_REQUIRED' ||
    outcome.code === 'GRANT_NOT_FOUND'
  )
}
