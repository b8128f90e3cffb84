import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { startCluster } from '@evergrant/store-tests/redis-cluster'
import type { RedisServer } from '@evergrant/store-tests/redis-server'
import { beforeAll, describe, it } from 'vitest'
import { connectIoredisCluster, connectNodeRedisCluster, connectNodeRedisCluster5 } from './clients.js'
import { contractOn } from './contract-on.js'
import { ear, eventually } from './ear.js'

const link = { provider: 'p', grantId: 'g', chain: 'chain-1', generation: 1 } as const
const pair = { secret: 'secret', expiresAtMs: null, renewAtMs: null }

describeWithRedis('a cluster of three', () => {
  let cluster: readonly RedisServer[]
  beforeAll(async () => {
    cluster = await startCluster()
  })
  const start = async () => cluster

  describe('nodeRedisStore with redis 6', () => contractOn(start, connectNodeRedisCluster))
  describe('nodeRedisStore with redis 5', () => contractOn(start, connectNodeRedisCluster5))
  describe('ioredisStore', () => contractOn(start, connectIoredisCluster))

  it('notices reach watchers of every node, and go on after a node died', async () => {
    const opened = await Promise.all([connectNodeRedisCluster(cluster), connectIoredisCluster(cluster)])
    try {
      for (const { store } of opened) {
        // Each connects to a node of its choice; grants are on all of them.
        const ears = Array.from({ length: 6 }, ear)
        const stores = [store, ...ears.slice(1).map(() => opened[0].storeWith({}))]
        const stops = await Promise.all(ears.map((each, i) => (stores[i] ?? store).watch(each)))
        const ids = Array.from({ length: 12 }, (_, i) => `g-${i}`)
        for (const grantId of ids) await store.save({ ...link, chain: crypto.randomUUID(), grantId, ...pair })
        await eventually(() => ears.every(({ heard }) => heard.length === ids.length))
        for (const server of cluster) await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
        await eventually(() => ears.every(({ gaps }) => gaps() > 0))
        await Promise.all(stops.map((stop) => stop()))
      }
    } finally {
      await Promise.all(opened.map((each) => each.close()))
    }
  })
})
