import type { SaveRequest } from '@evergrant/core'
import type { FleetProcess } from '../fleet/fleet-process.js'
import type { World } from '../run/world.js'
import { refreshTokenIn } from './ledger.js'

/** How long the remote store waits for the local one. */
const ESCROW_WAIT_MS = 200

/** P3: a successor goes to the machine's disk before it travels, unless the disk fails or takes too long. */
export function whyNotInEscrow(
  { localStores, verdicts, time }: World,
  owner: FleetProcess,
  request: unknown,
): void {
  const { process } = owner
  if (localStores.size === 0) return
  const token = refreshTokenIn((request as { next: { secret: string } }).next.secret)
  const whereabouts = token === undefined ? undefined : verdicts.bench.ledger.whereabouts.get(token)
  if (!whereabouts || whereabouts.escrowedAtMs.has(process.machine.name)) return
  const asked = whereabouts.asked.findLast((each) => each.process === process)?.atMs ?? 0
  const waited = time.nowMs - asked >= ESCROW_WAIT_MS - 1
  if (waited || owner.localTroubleAtMs >= asked || process.freezes.some(({ toMs }) => toMs >= asked)) return
  verdicts.bench.violated(
    'P3 kept',
    `${process.name} sent a successor to the store before it was in escrow`,
    whereabouts.token.family.grantId,
  )
}

/** What `escrowed` writes down of an authorization. */
interface HeldAuthorization {
  readonly kind: 'save' | 'commit'
  readonly request: SaveRequest
}

/**
 * P3 when everything has come to rest, and every process has looked once more: of a grant whose store forgot writes, no
 * disk holds the authorization that replaced the stored one. The user was told that it succeeded.
 */
export function judgeForgottenAuthorizations({ grants, localStores, store, verdicts }: World): void {
  for (const { provider, grantId } of grants) {
    const stored = store.get({ provider: provider.plan.id, grantId })?.record
    if (!stored || verdicts.bench.remembers(grantId)) continue
    for (const [machine, local] of localStores) {
      for (const { record } of local.all()) {
        const { kind, request } = JSON.parse(record.secret) as HeldAuthorization
        const isOfGrant = request.provider === stored.provider && request.grantId === grantId
        if (kind !== 'save' || !isOfGrant || request.expectedChain !== stored.chain) continue
        if (request.chain === stored.chain) continue
        verdicts.bench.violated(
          'P3 kept',
          `the authorization that replaced the stored one lies in escrow on ${machine}`,
          grantId,
        )
      }
    }
  }
}
