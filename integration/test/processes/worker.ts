/** One process of a fleet on one SQLite file: makes concurrent API calls when told, at the time it is told. */
import { createTokenManager, fetchWithTokens, oauth2Provider, systemClock } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { readSetup, serve } from '@evergrant/store-tests/processes/serve'
import type { Order, Report, WorkerJobs, WorkerSetup } from './messages.js'

const setup = readSetup<WorkerSetup>()
let offsetMs = 0
let rotations = 0
const clock = {
  ...systemClock,
  now: () => systemClock.now() + offsetMs,
  monotonic: () => systemClock.monotonic() + offsetMs,
}
const store = sqliteStore({ path: setup.path, now: clock.now })
const tokens = createTokenManager({
  provider: oauth2Provider(setup.provider),
  store,
  clock,
  onEvent: ({ type }) => {
    if (type === 'grant.rotated') rotations += 1
  },
})
const api = fetchWithTokens({ tokens, grantId: 'agency' })

async function call(): Promise<number> {
  const response = await api(setup.apiUrl)
  await response.text()
  return response.status
}

async function run({ offsetMs: to, calls }: Order): Promise<Report> {
  offsetMs = to
  rotations = 0
  const results = await Promise.allSettled(Array.from({ length: calls }, call))
  const ok = results.filter((result) => result.status === 'fulfilled' && result.value === 200).length
  const failures = results.flatMap((result) => {
    if (result.status === 'fulfilled') return result.value === 200 ? [] : [`status ${result.value}`]
    const { name, code = '', cause } = result.reason
    return [`${name} ${code} ${cause?.code ?? ''}`]
  })
  return { ok, failures: [...new Set(failures)], rotations }
}

process.on('disconnect', () => {
  void tokens.close().then(() => store.close())
})
serve<WorkerJobs>({ run })
