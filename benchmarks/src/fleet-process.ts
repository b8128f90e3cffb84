/** One process of a fleet: a thousand callers at once when told, by Evergrant or by a lock that polls. */
import { createTokenManager, oauth2Provider } from '@evergrant/core'
import { ioredisStore } from '@evergrant/store-redis'
import { Redis } from 'ioredis'
import type { FleetOrder, FleetReport, FleetSetup } from './fleet-messages.js'
import { pollingLock } from './polling-lock.js'
import { refreshByHand } from './refresh-by-hand.js'

const { redisUrl, provider, callers } = JSON.parse(process.argv[2] ?? '') as FleetSetup
const redis = new Redis(redisUrl)
let committedAtMs: number | undefined
const preciseNow = (): number => performance.timeOrigin + performance.now()
const committed = (): void => {
  committedAtMs = preciseNow()
}

const store = ioredisStore({ client: redis })
const tokens = createTokenManager({
  provider: oauth2Provider(provider),
  store,
  onEvent: ({ type }) => void (type === 'grant.rotated' && committed()),
})
const polling = pollingLock(redis, refreshByHand(provider), committed)

/** The manager hears each notice in the same breath. */
let heard = ''
let hear = (): void => {}
await store.watch?.({
  changed({ chain }) {
    heard = chain
    hear()
  },
  gap() {},
})

async function run(order: FleetOrder): Promise<FleetReport> {
  while (order.kind === 'ours' && heard !== order.chain) {
    await new Promise<void>((resolve) => {
      hear = resolve
    })
  }
  polling.expire()
  committedAtMs = undefined
  const call = async (): Promise<string> =>
    order.kind === 'ours' ? (await tokens.getAccessToken('agency')).reveal() : await polling.getAccessToken()
  const [token = '', ...others] = await Promise.all(Array.from({ length: callers }, call))
  const servedAtMs = preciseNow()
  if (others.some((other) => other !== token)) throw new Error('callers got different tokens')
  return { token, committedAtMs, servedAtMs }
}

process.on('message', (order: FleetOrder) => {
  void run(order).then((report) => process.send?.(report))
})
process.on('disconnect', () => process.exit(0))
// Ears of the manager open at its first call.
await tokens.status('agency')
process.send?.('ready')
