/** One process of a fleet whose grants all expired at once: asks for every one of them, and keeps idle ones alive. */
import { createTokenManager, oauth2Provider } from '@evergrant/core'
import { readSetup, serve } from '@evergrant/store-tests/processes/serve'
import type { BacklogJobs, BacklogReport, FleetSetup } from './messages.js'
import { openStore } from './open-store.js'

const setup = readSetup<FleetSetup>()
const { store } = await openStore(setup.store)
const tokens = createTokenManager({
  provider: oauth2Provider(setup.provider),
  store,
  timeoutMs: 900_000,
})

async function drain(grantIds: readonly string[]): Promise<BacklogReport> {
  const results = await Promise.allSettled(grantIds.map((id) => tokens.getAccessToken(id)))
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []))
  return {
    served: results.length - failures.length,
    failures: [...new Set(failures)],
    doneAtMs: Date.now(),
  }
}

serve<BacklogJobs>({ drain, keepAlive: () => tokens.start({ sweepIntervalMs: 200 }) })
