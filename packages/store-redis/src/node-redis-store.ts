import { checkOptions, type RedisStoreOptions } from './options.js'
import { type Emitter, nextEvent, type RedisCommands, type SubscriptionEvents } from './redis-commands.js'
import { type RedisStore, redisStore } from './redis-store.js'

/** What both kinds of client of node-redis have. */
interface NodeRedisBase extends Emitter {
  readonly isOpen: boolean
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** What this store uses of a client made by `createClient` of `redis`. */
export interface NodeRedisClient extends NodeRedisBase {
  readonly isReady: boolean
  readonly options: { readonly socket?: object | undefined } | undefined
  duplicate(overrides: object): unknown
}

/** What this store uses of a client made by `createCluster` of `redis`. */
export interface NodeRedisCluster extends NodeRedisBase {
  /** Only from version 6 on. */
  readonly isReady?: boolean
  readonly masters: readonly object[]
  nodeClient(node: never): unknown
}

/** Options of {@link nodeRedisStore}. */
export interface NodeRedisStoreOptions extends RedisStoreOptions {
  /**
   * Your own client, connected, with an `error` listener. Never closed here. `watch()` opens one connection
   * more, with the same settings, and closes that.
   */
  readonly client: NodeRedisClient | NodeRedisCluster
}

interface Subscriber extends Emitter {
  readonly isOpen: boolean
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  destroy(): void
}

/** A cluster's notices reach every node; any primary will do to listen. */
async function clientToDuplicate(client: NodeRedisClient | NodeRedisCluster): Promise<NodeRedisClient> {
  if (!('masters' in client)) return client
  const node = client.masters[Math.floor(Math.random() * client.masters.length)]
  if (node === undefined) throw new Error('The client is closed')
  return (await client.nodeClient(node as never)) as NodeRedisClient
}

async function openSubscription(
  client: NodeRedisClient | NodeRedisCluster,
  channel: string,
  on: SubscriptionEvents,
): Promise<() => void> {
  const original = await clientToDuplicate(client)
  const socket = { ...original.options?.socket, reconnectStrategy: false }
  const subscriber = original.duplicate({ socket }) as Subscriber
  let isEnded = false
  const close = (): void => {
    isEnded = true
    if (subscriber.isOpen) subscriber.destroy()
  }
  const end = (): void => {
    if (isEnded) return
    close()
    on.end()
  }
  const noop = (): void => {}
  subscriber.on('error', noop)
  try {
    await subscriber.connect()
    await subscriber.subscribe(channel, (message) => on.message(message))
  } catch (error) {
    close()
    throw error
  }
  subscriber.on('error', end)
  subscriber.on('end', end)
  if (!subscriber.isOpen) throw new Error('Socket closed unexpectedly')
  return close
}

/**
 * Keeps grants in Redis through a client of node-redis (package `redis`), of one server or of a cluster.
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
export function nodeRedisStore(options: NodeRedisStoreOptions): RedisStore {
  const settings = checkOptions('nodeRedisStore', options)
  const { client } = options
  let ready: Promise<void> | undefined
  const commands: RedisCommands = {
    evalSha: (sha, keys, args) => client.evalSha(sha, { keys: [...keys], arguments: [...args] }),
    eval: (text, keys, args) => client.eval(text, { keys: [...keys], arguments: [...args] }),
    connecting() {
      // A client that is not open says so at once when it is asked.
      if (client.isReady !== false || !client.isOpen) return undefined
      ready ??= nextEvent(client, ['ready', 'connect', 'error', 'end']).then(() => {
        ready = undefined
      })
      return ready
    },
    openSubscription: (channel, on) => openSubscription(client, channel, on),
  }
  return redisStore(commands, settings)
}
