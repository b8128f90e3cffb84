import type { World } from '../run/world.js'
import type { ServerToken } from '../server/token-family.js'
import { judgeForgottenAuthorizations } from './judge-escrow.js'
import { short } from './judge-sends.js'
import { refreshTokenIn } from './ledger.js'

const UNDER_WAY_MS = 20_000

/** P3 and P8 when everything has come to rest: what can live lives in the store. */
export function judgeEnd(world: World): void {
  const { store, verdicts, grants, hosts, time } = world
  judgeForgottenAuthorizations(world)
  const { ledger, violated } = verdicts.bench
  for (const { provider, grantId } of grants) {
    const record = store.get({ provider: provider.plan.id, grantId })?.record
    if (!record) continue
    const { book } = provider.server
    const held = book.token(refreshTokenIn(record.secret) ?? '')
    if (!held) {
      violated('store', 'the store holds a token that its server never issued', grantId)
      continue
    }
    if (record.state === 'live' && held.spentAtMs === undefined && book.accepts(held, time.nowMs)) continue
    // What the store holds is of no use: nobody may have anything better.
    for (const successor of descendants(held)) {
      if (successor.spentAtMs !== undefined || !book.accepts(successor, time.nowMs)) continue
      const whereabouts = ledger.whereabouts.get(successor.text)
      const readMs = whereabouts?.asked[0]?.atMs ?? 0
      // Read this moment: it is on its way.
      if (!whereabouts || time.nowMs - readMs < UNDER_WAY_MS) continue
      const machine = [...whereabouts.escrowedAtMs.keys()].find((name) =>
        hosts.some((each) => each.machine.name === name),
      )
      const holder = whereabouts.asked.find(({ process }) => process.state !== 'dead')
      if (machine)
        violated(
          'P3 kept',
          `${short(successor)} lies in escrow on ${machine} and is not in the store`,
          grantId,
        )
      else if (holder && verdicts.bench.remembers(grantId))
        violated(
          'P3 kept',
          `${holder.process.name} read ${short(successor)} and it is not in the store`,
          grantId,
        )
    }
  }
}

function* descendants(token: ServerToken): Generator<ServerToken> {
  for (const successor of token.successors) {
    yield successor
    yield* descendants(successor)
  }
}
