import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { startRedis } from '@evergrant/store-tests/redis-server'
import { connectIoredis, connectIoredis5 } from './clients.js'
import { contractOn } from './contract-on.js'

const oneServer = async () => [await startRedis()]

describeWithRedis('ioredisStore with ioredis 6', () => contractOn(oneServer, connectIoredis))
describeWithRedis('ioredisStore with ioredis 5', () => contractOn(oneServer, connectIoredis5))
