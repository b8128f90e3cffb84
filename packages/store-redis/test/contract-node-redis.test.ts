import { keyring, sealed } from '@evergrant/core'
import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { startRedis } from '@evergrant/store-tests/redis-server'
import { connectNodeRedis, connectNodeRedis5 } from './clients.js'
import { contractOn } from './contract-on.js'

const oneServer = async () => [await startRedis()]

describeWithRedis('nodeRedisStore with redis 6', () => contractOn(oneServer, connectNodeRedis))
describeWithRedis('nodeRedisStore with redis 5', () => contractOn(oneServer, connectNodeRedis5))

const ring = keyring({ current: 'k1', keys: [{ kid: 'k1', key: new Uint8Array(32).fill(1) }] })

describeWithRedis('sealed(nodeRedisStore)', () =>
  contractOn(oneServer, connectNodeRedis, (store) => sealed(store, ring)),
)
