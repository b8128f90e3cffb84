import { connectIoredis, connectIoredis5 } from './clients.js'
import { contractOn } from './contract-on.js'
import { describeWithRedis, startRedis } from './redis-server.js'

const oneServer = async () => [await startRedis()]

describeWithRedis('ioredisStore with ioredis 6', () => contractOn(oneServer, connectIoredis))
describeWithRedis('ioredisStore with ioredis 5', () => contractOn(oneServer, connectIoredis5))
