/** One process of a fleet: asks for a token of each grant when told; says when it waits for another to rotate them. */
import { createTokenManager, type EvergrantEvent, oauth2Provider } from '@evergrant/core'
import { readSetup, serve } from '@evergrant/store-tests/processes/serve'
import type { StoreAwayJobs, StoreAwayReport, StoreAwaySetup } from './messages.js'
import { openStore } from './open-store.js'

const setup = readSetup<StoreAwaySetup>()
const { store } = await openStore(setup.store)
const busy = new Set<string>()
let wanted = Number.NaN
let rotations = 0
let eachWaits = (): void => {}
const allWait = new Promise<void>((resolve) => {
  eachWaits = resolve
})
const tokens = createTokenManager({
  provider: oauth2Provider(setup.provider),
  store: {
    ...store,
    async acquire(request) {
      const answer = await store.acquire(request)
      const isFirst = answer.status === 'busy' && !busy.has(request.grantId)
      if (isFirst && busy.add(request.grantId).size === wanted) eachWaits()
      return answer
    },
  },
  timings: setup.timings,
  timeoutMs: 60_000,
  onEvent({ type }: EvergrantEvent) {
    if (type === 'grant.rotated') rotations += 1
  },
})

async function getAll(grantIds: readonly string[]): Promise<StoreAwayReport> {
  wanted = grantIds.length
  const results = await Promise.allSettled(grantIds.map((id) => tokens.getAccessToken(id)))
  return results.map((result) =>
    result.status === 'fulfilled' ? result.value.generation : String(result.reason),
  )
}

serve<StoreAwayJobs>({ getAll, allWait: () => allWait, rotations: () => rotations })
