/** One process of a fleet on any store: makes concurrent API calls when told, and says when its token was there. */
import { createTokenManager, type EvergrantEvent, fetchWithTokens, oauth2Provider } from '@evergrant/core'
import { readSetup, serve } from '@evergrant/store-tests/processes/serve'
import type { FleetJobs, FleetOrder, FleetReport, FleetSetup } from './messages.js'
import { openStore } from './open-store.js'

const setup = readSetup<FleetSetup>()
const { store } = await openStore(setup.store)
let committedAtMs: number | null = null
const tokens = createTokenManager({
  provider: oauth2Provider(setup.provider),
  store,
  onEvent({ type }: EvergrantEvent) {
    if (type === 'grant.rotated') committedAtMs = preciseNow()
  },
})
const api = fetchWithTokens({ tokens, grantId: 'agency' })

/** The chain of the last notice; the manager hears each notice in the same breath. */
let heard = ''
let hear = (): void => {}
await store.watch?.({
  changed({ chain }) {
    heard = chain
    hear()
  },
  gap() {},
})

/** Until then this process may rightly go on with the tokens of the authorization before. */
async function hearsOf(chain: string): Promise<void> {
  while (heard !== chain) {
    await new Promise<void>((resolve) => {
      hear = resolve
    })
  }
}

/** Comparable between the processes of one machine. */
const preciseNow = (): number => performance.timeOrigin + performance.now()

async function run({ calls, chain }: FleetOrder): Promise<FleetReport> {
  await hearsOf(chain)
  committedAtMs = null
  let servedAtMs: number | null = null
  const call = async (): Promise<number> => {
    await tokens.getAccessToken('agency')
    servedAtMs ??= preciseNow()
    const response = await api(setup.apiUrl)
    await response.text()
    return response.status
  }
  const results = await Promise.allSettled(Array.from({ length: calls }, call))
  const ok = results.filter((result) => result.status === 'fulfilled' && result.value === 200).length
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [`${result.reason.code} ${result.reason.message}`] : [],
  )
  return { ok, failures: [...new Set(failures)], committedAtMs, servedAtMs }
}

serve<FleetJobs>({ run })
