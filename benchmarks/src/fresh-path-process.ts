/** Times and weighs a call that is made a million times, in a process of its own with room for what it allocates. */
import { createTokenManager, memoryStore, oauth2Provider } from '@evergrant/core'
import { memoize } from '@smithy/property-provider'
import { OAuth2Client } from 'google-auth-library'
import { median } from './durations.js'
import type { CallCost, Contender, FreshPathReport } from './fresh-path.js'
import { settledHeap } from './settled-heap.js'

const CALLS = 1_000_000
/** What one round allocates must fit into the young generation, or a collection would take some of it away. */
const ROUNDS = 20
const CALLS_A_ROUND = CALLS / ROUNDS

const GRANT = 'agency-42'
const DAY_MS = 86_400_000

async function contenders(): Promise<Readonly<Record<Contender, () => Promise<unknown>>>> {
  const tokenEndpoint = 'https://provider.example/token'
  const tokens = createTokenManager({
    provider: oauth2Provider({ id: 'benchmark', clientId: 'c', clientSecret: 's', tokenEndpoint }),
    store: memoryStore(),
  })
  await tokens.saveGrant(GRANT, {
    access_token: 'access',
    refresh_token: 'refresh',
    expires_in: DAY_MS / 1_000,
  })
  const token = await tokens.getAccessToken(GRANT)
  const google = new OAuth2Client('c', 's')
  google.setCredentials({
    access_token: 'access',
    refresh_token: 'refresh',
    expiry_date: Date.now() + DAY_MS,
  })
  // As the AWS SDK keeps credentials: renewed five minutes before they expire.
  const credentials = { accessKeyId: 'access', expiration: new Date(Date.now() + DAY_MS) }
  const smithy = memoize(
    async () => credentials,
    ({ expiration }) => expiration.getTime() - Date.now() < 300_000,
    ({ expiration }) => expiration !== undefined,
  )
  const kept = new Map([[GRANT, Promise.resolve(token)]])
  return {
    getAccessToken: () => tokens.getAccessToken(GRANT),
    bareAwait: () => Promise.resolve(token),
    mapLookup: () => kept.get(GRANT) as Promise<unknown>,
    mapAndClocks: () =>
      (Date.now() > 0 && performance.now() > 0 ? kept.get(GRANT) : undefined) as Promise<unknown>,
    googleAuthLibrary: () => google.getAccessToken(),
    smithyPropertyProvider: () => smithy(),
  }
}

interface Tally {
  readonly ns: number[]
  readonly bytes: number[]
  retainedBytes: number
}

/** One round: how long its calls took, what they allocated, and what of that was left. */
async function round(call: () => Promise<unknown>, tally: Tally | undefined): Promise<void> {
  const cleanBytes = await settledHeap()
  const fromBytes = process.memoryUsage().heapUsed
  const beganNs = process.hrtime.bigint()
  for (let i = 0; i < CALLS_A_ROUND; i++) await call()
  const tookNs = Number(process.hrtime.bigint() - beganNs)
  const toBytes = process.memoryUsage().heapUsed
  tally?.ns.push(tookNs / CALLS_A_ROUND)
  tally?.bytes.push((toBytes - fromBytes) / CALLS_A_ROUND)
  if (tally) tally.retainedBytes += (await settledHeap()) - cleanBytes
}

const costOf = ({ ns, bytes, retainedBytes }: Tally): CallCost => ({
  calls: CALLS,
  ns: Number(median(ns).toFixed(1)),
  allocatedBytes: Number(median(bytes).toFixed(1)),
  retainedBytes: Number((retainedBytes / CALLS).toFixed(3)),
})

/** Compared round by round: neighbours ran under the same load. */
const ratioOf = (a: Tally, b: Tally): number =>
  Number(median(a.ns.map((ns, i) => ns / (b.ns[i] ?? Number.NaN))).toFixed(2))

const calls = Object.entries(await contenders()) as [Contender, () => Promise<unknown>][]
const tallies = Object.fromEntries(
  calls.map(([name]) => [name, { ns: [], bytes: [], retainedBytes: 0 }]),
) as unknown as Record<Contender, Tally>
for (const [, call] of calls) for (let i = 0; i < 3; i++) await round(call, undefined)
// In turn: what else the machine does meanwhile hits all alike.
for (let i = 0; i < ROUNDS; i++) for (const [name, call] of calls) await round(call, tallies[name])

const { getAccessToken } = tallies
const over = (other: Contender): number => ratioOf(getAccessToken, tallies[other])
const report: FreshPathReport = {
  costs: Object.fromEntries(
    calls.map(([name]) => [name, costOf(tallies[name])]),
  ) as unknown as FreshPathReport['costs'],
  ratios: {
    toBareAwait: over('bareAwait'),
    toMapLookup: over('mapLookup'),
    toMapAndClocks: over('mapAndClocks'),
    toGoogleAuthLibrary: over('googleAuthLibrary'),
    toSmithyPropertyProvider: over('smithyPropertyProvider'),
  },
}
process.send?.(report, () => process.exit(0))
