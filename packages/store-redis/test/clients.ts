import type { RedisServer } from '@evergrant/store-tests/redis-server'
import { ioredisStore, nodeRedisStore, type RedisStore, type RedisStoreOptions } from '../src/index.js'

/** A connected client of some library, and a store on it. */
export interface ConnectedStore {
  readonly store: RedisStore
  /** Another store on the same client. */
  storeWith(options: RedisStoreOptions): RedisStore
  /** Closes the client. */
  close(): Promise<void>
}

/** Connects a client of one library and major version. */
export type Connect = (
  servers: readonly RedisServer[],
  options?: RedisStoreOptions,
) => Promise<ConnectedStore>

// Loaded when they are needed: most files need one of the four.
const redis6 = () => import('redis')
const redis5 = () => import('redis-5')
const ioredis6 = () => import('ioredis')
const ioredis5 = () => import('ioredis-5')

const ignore = (): void => {}
const connected = (
  storeWith: (options: RedisStoreOptions) => RedisStore,
  options: RedisStoreOptions | undefined,
  close: () => unknown,
): ConnectedStore => ({
  storeWith,
  store: storeWith(options ?? {}),
  async close() {
    await close()
  },
})

const urlOf = (servers: readonly RedisServer[]): string => servers[0]?.url ?? ''
const rootsOf = (servers: readonly RedisServer[]) => servers.map(({ url }) => ({ url }))
const socket = { reconnectStrategy: () => 20 }

export const connectNodeRedis: Connect = async (servers, options) => {
  const { createClient } = await redis6()
  const client = createClient({ url: urlOf(servers), socket })
  await client.on('error', ignore).connect()
  return connected(
    (more) => nodeRedisStore({ client, ...more }),
    options,
    () => client.destroy(),
  )
}

export const connectNodeRedis5: Connect = async (servers, options) => {
  const { createClient } = await redis5()
  const client = createClient({ url: urlOf(servers), socket })
  await client.on('error', ignore).connect()
  return connected(
    (more) => nodeRedisStore({ client, ...more }),
    options,
    () => client.destroy(),
  )
}

export const connectNodeRedisCluster: Connect = async (servers, options) => {
  const { createCluster } = await redis6()
  const client = createCluster({ rootNodes: rootsOf(servers) })
  await client.on('error', ignore).connect()
  return connected(
    (more) => nodeRedisStore({ client, ...more }),
    options,
    () => client.destroy(),
  )
}

export const connectNodeRedisCluster5: Connect = async (servers, options) => {
  const { createCluster } = await redis5()
  const client = createCluster({ rootNodes: rootsOf(servers) })
  await client.on('error', ignore).connect()
  return connected(
    (more) => nodeRedisStore({ client, ...more }),
    options,
    () => client.destroy(),
  )
}

export const connectIoredis: Connect = async (servers, options) => {
  const { Redis } = await ioredis6()
  const client = new Redis(urlOf(servers), { lazyConnect: true, retryStrategy: () => 20 })
  await client.on('error', ignore).connect()
  return connected(
    (more) => ioredisStore({ client, ...more }),
    options,
    () => client.disconnect(),
  )
}

export const connectIoredis5: Connect = async (servers, options) => {
  const { Redis } = await ioredis5()
  const client = new Redis(urlOf(servers), { lazyConnect: true, retryStrategy: () => 20 })
  await client.on('error', ignore).connect()
  return connected(
    (more) => ioredisStore({ client, ...more }),
    options,
    () => client.disconnect(),
  )
}

export const connectIoredisCluster: Connect = async (servers, options) => {
  const roots = servers.map(({ port }) => ({ host: '127.0.0.1', port }))
  const { Cluster } = await ioredis6()
  const client = new Cluster(roots, { lazyConnect: true })
  await client.on('error', ignore).connect()
  return connected(
    (more) => ioredisStore({ client, ...more }),
    options,
    () => client.disconnect(),
  )
}
