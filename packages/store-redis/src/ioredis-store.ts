import { checkOptions, type RedisStoreOptions } from './options.js'
import { type Emitter, nextEvent, type RedisCommands, type SubscriptionEvents } from './redis-commands.js'
import { type RedisStore, redisStore } from './redis-store.js'

/** What both kinds of client of ioredis have. */
interface IoredisBase extends Emitter {
  readonly status: string
  evalsha(sha: string, numberOfKeys: number, ...values: string[]): Promise<unknown>
  eval(script: string, numberOfKeys: number, ...values: string[]): Promise<unknown>
}

/** What this store uses of `new Redis()` of `ioredis`. */
export interface IoredisClient extends IoredisBase {
  duplicate(overrides: object): unknown
}

/** What this store uses of `new Cluster()` of `ioredis`. */
export interface IoredisCluster extends IoredisBase {
  nodes(role: 'master'): readonly object[]
}

/** Options of {@link ioredisStore}. */
export interface IoredisStoreOptions extends RedisStoreOptions {
  /**
   * Your own client, with an `error` listener. Never closed here. `watch()` opens one connection more, with
   * the same settings, and closes that.
   */
  readonly client: IoredisClient | IoredisCluster
}

interface Subscriber extends Emitter {
  connect(): Promise<unknown>
  subscribe(channel: string): Promise<unknown>
  disconnect(): void
}

/** A cluster's notices reach every node; any primary will do to listen. */
function clientToDuplicate(client: IoredisClient | IoredisCluster): IoredisClient {
  if (!('nodes' in client)) return client
  const nodes = client.nodes('master')
  const node = nodes[Math.floor(Math.random() * nodes.length)]
  if (node === undefined) throw new Error('Connection is closed.')
  return node as IoredisClient
}

async function openSubscription(
  client: IoredisClient | IoredisCluster,
  channel: string,
  on: SubscriptionEvents,
): Promise<() => void> {
  const subscriber = clientToDuplicate(client).duplicate({
    lazyConnect: true,
    retryStrategy: () => null,
    autoResubscribe: false,
    enableReadyCheck: true,
    readOnly: false,
    keyPrefix: '',
    // Finds out within a minute or so that the other end went away without a word.
    keepAlive: 10_000,
  }) as Subscriber
  let isEnded = false
  const close = (): void => {
    isEnded = true
    subscriber.disconnect()
  }
  let isOpen = false
  const end = (): void => {
    if (isEnded) return
    isEnded = true
    if (isOpen) on.end()
  }
  subscriber.on('error', () => {})
  subscriber.on('end', end)
  subscriber.on('message', (_, message) => on.message(String(message)))
  try {
    await subscriber.connect()
    await subscriber.subscribe(channel)
  } catch (error) {
    close()
    throw error
  }
  if (isEnded) throw new Error('Connection is closed.')
  isOpen = true
  return close
}

/** While the client is in one of these, it would keep a command for later. */
const connectingStatuses = new Set(['connecting', 'connect', 'reconnecting', 'close', 'disconnecting'])

/**
 * Keeps grants in Redis through a client of ioredis, of one server, of sentinels or of a cluster.
 *
 * Every step is one Lua script, which Redis runs alone; leases run on the server's clock. How much of what was
 * answered survives a crash or a failover is decided by the server's settings: see the README.
 *
 * Does not connect, configure or close the client, and does not encrypt.
 *
 * @throws TypeError - an option is wrong.
 * @returns The store; all its methods reject with an `EvergrantError`:
 *   `STORE_UNAVAILABLE` - the server is away, loading, a replica, full, or did not answer within
 *   `commandTimeoutMs`: may be repeated. `STORE_UNUSABLE` - other data under these names, a missing
 *   permission, a server that is too old: somebody has to act.
 */
export function ioredisStore(options: IoredisStoreOptions): RedisStore {
  const settings = checkOptions('ioredisStore', options)
  const { client } = options
  let ready: Promise<void> | undefined
  const commands: RedisCommands = {
    evalSha: (sha, keys, args) => client.evalsha(sha, keys.length, ...keys, ...args),
    eval: (text, keys, args) => client.eval(text, keys.length, ...keys, ...args),
    connecting() {
      if (!connectingStatuses.has(client.status)) return undefined
      ready ??= nextEvent(client, ['ready', 'end']).then(() => {
        ready = undefined
      })
      return ready
    },
    openSubscription: (channel, on) => openSubscription(client, channel, on),
  }
  return redisStore(commands, settings)
}
