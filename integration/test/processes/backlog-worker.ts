/** One process of a fleet whose grants all expired at once: asks for every one of them, and keeps idle ones alive. */
import { createTokenManager, oauth2Provider } from '@evergrant/core'
import type { BacklogOrder, BacklogReport, FleetSetup } from './messages.js'
import { openStore } from './open-store.js'

const setup = JSON.parse(process.argv[2] ?? '') as FleetSetup
const { store, close } = await openStore(setup.store)
const tokens = createTokenManager({
  provider: oauth2Provider(setup.provider),
  store,
  timeoutMs: 900_000,
})

async function run({ grantIds }: BacklogOrder): Promise<BacklogReport> {
  if (grantIds.length === 0) {
    tokens.start({ sweepIntervalMs: 200 })
    return { served: 0, failures: [], doneAtMs: Date.now() }
  }
  const results = await Promise.allSettled(grantIds.map((id) => tokens.getAccessToken(id)))
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []))
  return {
    served: results.length - failures.length,
    failures: [...new Set(failures)],
    doneAtMs: Date.now(),
  }
}

process.on('message', (order: BacklogOrder) => {
  void run(order).then((report) => process.send?.(report))
})
process.on('disconnect', () => {
  void tokens.close().then(close)
})
process.send?.('ready')
