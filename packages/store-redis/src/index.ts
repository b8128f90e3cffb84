export {
  type IoredisClient,
  type IoredisCluster,
  type IoredisStoreOptions,
  ioredisStore,
} from './ioredis-store.js'
export {
  type NodeRedisClient,
  type NodeRedisCluster,
  type NodeRedisStoreOptions,
  nodeRedisStore,
} from './node-redis-store.js'
export type { RedisStoreOptions } from './options.js'
export type { RedisStore } from './redis-store.js'
