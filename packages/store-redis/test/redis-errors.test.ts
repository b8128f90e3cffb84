import { inspect } from 'node:util'
import { type EvergrantError, isEvergrantError } from '@evergrant/core'
import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { type RedisServer, startRedis } from '@evergrant/store-tests/redis-server'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ioredisStore, nodeRedisStore, type RedisStore } from '../src/index.js'
import { translateRedisError } from '../src/redis-errors.js'
import { type ConnectedStore, connectIoredis, connectNodeRedis } from './clients.js'

const link = { provider: 'p', grantId: 'g', chain: 'chain-1', generation: 1 } as const
const pair = { secret: 'tell-nobody', expiresAtMs: null, renewAtMs: null }

async function errorOf(promise: Promise<unknown>): Promise<EvergrantError> {
  const error: unknown = await promise.then(
    () => new Error('resolved'),
    (reason: unknown) => reason,
  )
  if (!isEvergrantError(error)) throw error
  expect(error.cause).toBeUndefined()
  expect(inspect(error, { showHidden: true, depth: 10 }) + JSON.stringify(error)).not.toContain('tell-nobody')
  return error
}

const kindOf = async (promise: Promise<unknown>): Promise<string> => {
  const { code, reason } = await errorOf(promise)
  return `${code} ${reason}`
}

describe('what client and server report', () => {
  it.each([
    ['LOADING Redis is loading the dataset in memory', 'STORE_UNAVAILABLE LOADING'],
    [
      "READONLY You can't write against a read only replica. script: abc, on @user_script:1.",
      'STORE_UNAVAILABLE READONLY',
    ],
    [
      "ERR Error running script (call to f_1): @user_script:12: -READONLY You can't write",
      'STORE_UNAVAILABLE READONLY',
    ],
    ["@user_script: 3: -OOM command not allowed when used memory > 'maxmemory'.", 'STORE_UNAVAILABLE OOM'],
    [
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
      'STORE_UNAVAILABLE MASTERDOWN',
    ],
    ['CLUSTERDOWN Hash slot not served', 'STORE_UNAVAILABLE CLUSTERDOWN'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'STORE_UNAVAILABLE TRYAGAIN'],
    ['MISCONF Redis is configured to save RDB snapshots', 'STORE_UNAVAILABLE MISCONF'],
    ['NOREPLICAS Not enough good replicas to write.', 'STORE_UNAVAILABLE NOREPLICAS'],
    ['BUSY Redis is busy running a script.', 'STORE_UNAVAILABLE BUSY'],
    ['UNBLOCKED force unblock from blocking operation', 'STORE_UNAVAILABLE UNBLOCKED'],
    ['ERR max number of clients reached', 'STORE_UNAVAILABLE MAX_CLIENTS'],
    ['Too many Cluster redirections. Last error: MOVED', 'STORE_UNAVAILABLE MOVED'],
    ['Command timed out', 'STORE_UNAVAILABLE TIMEOUT'],
    ['The client is closed', 'STORE_UNAVAILABLE CLIENT_CLOSED'],
    ['Connection is closed.', 'STORE_UNAVAILABLE CLIENT_CLOSED'],
    ['Socket closed unexpectedly', 'STORE_UNAVAILABLE CONNECTION_LOST'],
    ['something nobody has ever seen', 'STORE_UNAVAILABLE UNKNOWN'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'STORE_UNUSABLE WRONGTYPE'],
    ["NOPERM this user has no permissions to run the 'eval' command", 'STORE_UNUSABLE NOPERM'],
    ["ERR The user executing the script can't run this command or subcommand", 'STORE_UNUSABLE NOPERM'],
    ['NOAUTH Authentication required.', 'STORE_UNUSABLE NOAUTH'],
    ['WRONGPASS invalid username-password pair', 'STORE_UNUSABLE WRONGPASS'],
    ["ERR unknown command 'EVALSHA'", 'STORE_UNUSABLE SERVER_TOO_OLD'],
    ['ERR Write commands not allowed after non deterministic commands', 'STORE_UNUSABLE SERVER_TOO_OLD'],
    ["CROSSSLOT Keys in request don't hash to the same slot", 'STORE_UNUSABLE CROSSSLOT'],
    ['ERR user_script:3: attempt to index a nil value', 'STORE_UNUSABLE ERR'],
  ])('%s -> %s', (message, expected) => {
    const { code, reason, cause } = translateRedisError(new Error(message))
    expect([`${code} ${reason}`, cause]).toEqual([expected, undefined])
  })

  it('names the code of the system, without the address', () => {
    const error = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:6379'), { code: 'ECONNREFUSED' })
    const { reason, message } = translateRedisError(error)
    expect([reason, message]).toEqual(['ECONNREFUSED', 'Redis cannot be reached (ECONNREFUSED).'])
  })
})

describe('options', () => {
  const client = createClient()
  it.each([
    [() => nodeRedisStore(undefined as never), /pass options/],
    [() => nodeRedisStore({} as never), /`client`/],
    [() => nodeRedisStore({ client, prefix: '' }), /`prefix`/],
    [() => nodeRedisStore({ client, commandTimeoutMs: 0 }), /`commandTimeoutMs`/],
    [() => ioredisStore({ client: 'redis://' } as never), /ioredisStore: option `client`/],
  ])('%o throws a TypeError that names the option', (create, message) => {
    expect(create).toThrow(TypeError)
    expect(create).toThrow(message)
  })
})

describeWithRedis('a server that cannot do a step', () => {
  let server: RedisServer
  const open: ConnectedStore[] = []
  const stores = (): RedisStore[] => open.map(({ store }) => store)
  beforeAll(async () => {
    server = await startRedis()
    open.push(await connectNodeRedis([server]), await connectIoredis([server]))
  })
  afterEach(() => server.command('FLUSHALL'))
  afterAll(() => Promise.all(open.map(({ close }) => close())))

  it('is a replica: no step is answered, not even from what it has', async () => {
    for (const store of stores()) {
      await store.save({ ...link, ...pair })
      await server.command('REPLICAOF', '127.0.0.1', '1')
      const stale = { ...link, generation: 7, attempt: 'x', ttlMs: 1, maxHoldMs: 1 }
      const steps = [
        store.load(link),
        store.acquire(stale),
        store.remove(link),
        store.save({ ...link, ...pair, chain: 'c' }),
      ]
      expect(await Promise.all(steps.map(kindOf))).toEqual(steps.map(() => 'STORE_UNAVAILABLE READONLY'))
      await server.command('REPLICAOF', 'NO', 'ONE')
      expect((await store.load(link)).record?.secret).toBe('tell-nobody')
      await store.remove(link)
    }
  })

  it('is full: takes no new grant and no lease, but still the successor of a token that is spent', async () => {
    for (const store of stores()) {
      await store.save({ ...link, ...pair })
      await server.command('CONFIG', 'SET', 'maxmemory', '1')
      const acquire = { ...link, attempt: 'x', ttlMs: 1, maxHoldMs: 1 }
      const errors = [store.save({ ...link, grantId: 'h', ...pair }), store.acquire(acquire)]
      expect(await Promise.all(errors.map(kindOf))).toEqual(errors.map(() => 'STORE_UNAVAILABLE OOM'))
      const { status } = await store.commit({ ...link, attempt: 'x', next: pair })
      expect([status, (await store.load(link)).record?.generation]).toEqual(['committed', 2])
      await server.command('CONFIG', 'SET', 'maxmemory', '0')
      await store.remove(link)
    }
  })

  it('holds other data under these names', async () => {
    const [store] = stores()
    await store?.save({ ...link, ...pair })
    const names = await server.command('EVAL', "return table.concat(redis.call('KEYS', '*:grant:*'))", '0')
    await server.command('SET', names.split('\r\n')[1] ?? '', 'something else')
    expect(await kindOf(stores()[1]!.load(link))).toBe('STORE_UNUSABLE WRONGTYPE')
  })

  it('holds a record that was changed from outside', async () => {
    const [store] = stores()
    await store?.save({ ...link, ...pair })
    const change = "return redis.call('HSET', redis.call('KEYS', '*:grant:*')[1], ARGV[1], ARGV[2])"
    for (const [field, value] of [
      ['secret', 'tell-nobody'],
      ['sends', 'many'],
      ['attempts', 'tell-nobody;'],
    ] as const) {
      await server.command('EVAL', change, '0', field, value)
      expect(await kindOf(stores()[1]!.load(link))).toBe('STORE_UNUSABLE DAMAGED_ROW')
    }
  })

  it('does not answer in time', async () => {
    for (const { storeWith } of open) {
      const store = storeWith({ commandTimeoutMs: 60 })
      server.freeze()
      const beganMs = performance.now()
      expect(await kindOf(store.save({ ...link, ...pair }))).toBe('STORE_UNAVAILABLE TIMEOUT')
      expect(performance.now() - beganMs).toBeLessThan(250)
      server.thaw()
    }
  })

  it('was never there, or the client was closed', async () => {
    const url = 'redis://127.0.0.1:1'
    const idle = createClient({ url })
    const closed = new Redis(server.url).on('error', () => {})
    await closed.ping()
    closed.disconnect()
    await new Promise((resolve) => closed.once('end', resolve))
    const trying = new Redis(url).on('error', () => {})
    expect(await kindOf(nodeRedisStore({ client: idle }).load(link))).toBe('STORE_UNAVAILABLE CLIENT_CLOSED')
    expect(await kindOf(ioredisStore({ client: trying, commandTimeoutMs: 50 }).load(link))).toMatch(
      /TIMEOUT$/,
    )
    trying.disconnect()
    expect(await kindOf(ioredisStore({ client: closed }).load(link))).toBe('STORE_UNAVAILABLE CLIENT_CLOSED')
  })

  it('while it is away, nothing piles up in the client', async () => {
    const away = await startRedis()
    const ioredis = new Redis(away.url, { retryStrategy: () => 20 }).on('error', () => {})
    const node = createClient({ url: away.url, socket: { reconnectStrategy: () => 20 } }).on(
      'error',
      () => {},
    )
    await node.connect()
    const both = [
      ioredisStore({ client: ioredis, commandTimeoutMs: 60 }),
      nodeRedisStore({ client: node, commandTimeoutMs: 60 }),
    ]
    for (const store of both) await store.load(link)
    await away.kill()
    await new Promise((resolve) => setTimeout(resolve, 30))
    const listeners = () =>
      [ioredis, node].map((client) => client.listenerCount('ready') + client.listenerCount('end'))
    for (const store of both) {
      const steps = Array.from({ length: 200 }, () => store.load(link))
      const kinds = await Promise.all(steps.map(kindOf))
      expect(kinds.filter((kind) => !kind.startsWith('STORE_UNAVAILABLE'))).toEqual([])
    }
    expect((ioredis as unknown as { offlineQueue: { length: number } }).offlineQueue.length).toBeLessThan(5)
    for (const count of listeners()) expect(count).toBeLessThan(10)
    ioredis.disconnect()
    node.destroy()
  })

  it('allows too little, and just enough with the rule of the README', async () => {
    const rule = ['~evergrant:*', '&evergrant:*', '-@all']
    const commands =
      '+eval +evalsha +time +get +set +del +pexpire +hset +hget +hmget +hgetall +hdel +zadd +zrem +zscore +zcard +zrange +zrangebyscore +zrangebylex +zremrangebyscore +publish +subscribe'
    await server.command(
      'ACL',
      'SETUSER',
      'app',
      'reset',
      'on',
      '>pw',
      ...rule,
      ...commands.split(' '),
      '+ping',
      '+info',
      '+client',
      '+hello',
    )
    await server.command('ACL', 'SETUSER', 'poor', 'reset', 'on', '>pw', '~*', '+@all', '-hset', '-subscribe')
    const connectAs = async (user: string) => {
      const client = createClient({ url: server.url, username: user, password: 'pw' })
      await client.on('error', () => {}).connect()
      return { client, store: nodeRedisStore({ client }) }
    }
    const app = await connectAs('app')
    const heard: string[] = []
    const stop = await app.store.watch({ changed: ({ grantId }) => void heard.push(grantId), gap() {} })
    await app.store.save({ ...link, ...pair, renewAtMs: 1 })
    const lease = await app.store.acquire({ ...link, attempt: 'x', ttlMs: 1_000, maxHoldMs: 1_000 })
    const heldSinceMs = lease.status === 'acquired' ? lease.heldSinceMs : 0
    expect((await app.store.arm({ ...link, attempt: 'x', ttlMs: 1_000, heldSinceMs })).status).toBe('armed')
    await app.store.release({ ...link, attempt: 'x', outcome: 'lost' })
    await app.store.claimDue({ provider: 'p', beforeMs: 2, limit: 1, holdMs: 1 })
    await new Promise((resolve) => setTimeout(resolve, 5))
    await app.store.claimDue({ provider: 'p', beforeMs: 2, limit: 1, holdMs: 1 })
    const slot = {
      bucket: 'b',
      slot: 's',
      limit: 1,
      windowMs: 1_000,
      slotMs: 1,
      reserve: 0,
      member: 'm',
      waiting: 1,
    }
    for (const each of ['s', 't', 'u'])
      await app.store.takeBudget({ ...slot, slot: each, priority: 'caller' })
    await app.store.penalize({ bucket: 'b', untilMs: 1 })
    await app.store.list({ provider: 'p', limit: 10 })
    await app.store.commit({ ...link, attempt: 'x', next: pair })
    await app.store.remove(link)
    expect(heard.length).toBeGreaterThan(2)
    await stop()
    expect(await kindOf(nodeRedisStore({ client: app.client, prefix: 'other' }).load(link))).toBe(
      'STORE_UNUSABLE NOPERM',
    )
    app.client.destroy()

    const poor = await connectAs('poor')
    expect(await kindOf(poor.store.save({ ...link, ...pair }))).toBe('STORE_UNUSABLE NOPERM')
    expect(await kindOf(poor.store.watch({ changed() {}, gap() {} }))).toBe('STORE_UNUSABLE NOPERM')
    poor.client.destroy()
  })
})
