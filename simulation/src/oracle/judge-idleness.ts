import type { GrantRecord } from '@evergrant/core'
import type { ProviderPlan } from '../run/plan-world.js'
import type { Run } from '../run/play-seed.js'
import type { World } from '../run/world.js'

/** P9: nobody asks for anything for longer than a token lives; whatever can live must be fresh all that time. */
export async function judgeIdleness(world: World, run: Run): Promise<void> {
  const { time, store, verdicts, plan } = world
  const idleMs = Math.max(...plan.providers.map(({ accessLifeMs }) => accessLifeMs)) * 1.1
  // A grant that is due now may have been left alone because of what happened before.
  const endsAtMs = time.nowMs + idleMs
  const lapsed = new Map<string, string>()
  for (const { grant, expiresAtMs } of living(world)) {
    time.at(time.nowMs + (expiresAtMs - store.nowMs()) + 1, 'would lapse', () => {
      const now = living(world).find((each) => each.grant === grant)
      if (now && now.expiresAtMs <= store.nowMs()) lapsed.set(grant, now.chain)
    })
  }
  time.at(endsAtMs, 'end of idleness', () => {})
  await run(world, () => time.nowMs >= endsAtMs)
  for (const [grant] of lapsed)
    verdicts.bench.violated('P9 evergreen', 'an idle grant was not renewed before its token expired', grant)
}

/** With too small a budget no order of renewals helps. */
function canBeRenewed({ core }: World, { accessLifeMs, budget, grants }: ProviderPlan): boolean {
  return !budget || core.planRenewals({ grants: grants * 2, lifetimeMs: accessLifeMs, budget }).sufficient
}

function living(world: World): { grant: string; chain: string; expiresAtMs: number }[] {
  const { grants, store, time } = world
  return grants.flatMap(({ provider, grantId }) => {
    if (!canBeRenewed(world, provider.plan)) return []
    const record = store.get({ provider: provider.plan.id, grantId })?.record
    if (!record || record.state === 'dead' || record.expiresAtMs === null) return []
    const text = /"refresh_token":"([^"]+)"/.exec(record.secret)?.[1] ?? ''
    const token = provider.server.book.token(text)
    const canLive = token && token.spentAtMs === undefined && provider.server.book.accepts(token, time.nowMs)
    // With an unknown outcome its access token is used up first, as the replay rule demands.
    const isHeld = record.attempts.length > 0 && provider.plan.kind.reuse === 'revokes-grant'
    const isSpared = isHeld || isCoolingDown(record, store.nowMs()) || wasRestored(record, provider.plan)
    return canLive && !isSpared
      ? [{ grant: grantId, chain: record.chain, expiresAtMs: record.expiresAtMs }]
      : []
  })
}

/** After three sends without an answer pauses grow to an hour, and keep-alive comes by once in a while. */
function isCoolingDown({ sends, attempts }: GrantRecord, nowMs: number): boolean {
  if (sends < 3) return false
  const lastArmedAtMs = Math.max(0, ...attempts.map(({ armedAtMs }) => armedAtMs))
  const pauseMs = Math.min(60_000 * 2 ** (sends - 3), 3_600_000)
  return nowMs < lastArmedAtMs + pauseMs + 5 * 60_000
}

/** What a store had forgotten and was given back looks new to it, and what is new is not rotated at once. */
function wasRestored({ committedAtMs, expiresAtMs }: GrantRecord, { accessLifeMs }: ProviderPlan): boolean {
  const bornAtMs = (expiresAtMs ?? Number.POSITIVE_INFINITY) - accessLifeMs
  return committedAtMs - bornAtMs > accessLifeMs / 3
}
