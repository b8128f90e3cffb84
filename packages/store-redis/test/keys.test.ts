import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { type RedisServer, startRedis } from '@evergrant/store-tests/redis-server'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisStore } from '../src/index.js'
import { ioredisStore, nodeRedisStore } from '../src/index.js'
import { createKeys } from '../src/keys.js'
import { type ConnectedStore, connectIoredis, connectNodeRedis } from './clients.js'

const pair = { secret: 'secret', expiresAtMs: null, renewAtMs: 1 }
const long = 60_000

/** The hash tag as Redis Cluster reads it. */
const tagOf = (key: string): string | undefined => /^[^{]*\{([^}]+)\}/.exec(key)?.[1]

/** Every kind of step, so that every script runs. */
async function useAll(store: RedisStore): Promise<void> {
  const link = { provider: 'p', grantId: 'g', chain: crypto.randomUUID(), generation: 1 } as const
  const slot = { bucket: 'b', limit: 1, windowMs: long, slotMs: 1, reserve: 0, member: 'm', waiting: 0 }
  await store.save({ ...link, ...pair })
  await store.claimDue({ provider: 'p', beforeMs: 2, limit: 5, holdMs: -1 })
  await store.claimDue({ provider: 'p', beforeMs: 2, limit: 5, holdMs: 1 })
  const lease = await store.acquire({ ...link, attempt: 'x', ttlMs: long, maxHoldMs: long })
  const heldSinceMs = lease.status === 'acquired' ? lease.heldSinceMs : 0
  await store.arm({ ...link, attempt: 'x', ttlMs: long, heldSinceMs })
  for (const id of ['s', 't']) await store.takeBudget({ ...slot, slot: id, priority: 'caller' })
  await store.penalize({ bucket: 'b', untilMs: Date.now() + long })
  await store.replaceSecret({ ...link, from: 'secret', to: 'sealed' })
  await store.release({ ...link, attempt: 'x', outcome: 'lost' })
  await store.acquire({ ...link, attempt: 'y', ttlMs: long, maxHoldMs: long })
  await store.fail({ ...link, attempt: 'y', reason: 'r' })
  await store.commit({ ...link, attempt: 'x', next: pair })
  await store.load(link)
  await store.list({ provider: 'p', limit: 5 })
  await store.remove(link)
}

describe('names of keys', () => {
  it.each(['evergrant', 'a{b}c', '{}', '}{', '*[a-z]?\\', 'ä 😀', '%7B'])(
    'the prefix %s opens no other hash tag',
    (prefix) => {
      const keys = createKeys(prefix)
      const tags = keys.grantAndIndexes({ provider: '{x}', grantId: '{y}' }).map(tagOf)
      expect(new Set(tags).size).toBe(1)
      expect(tags[0]).toMatch(/^\d+$/)
      expect(new Set(Object.values(keys.budget('https://as.example/{tenant}')).map(tagOf)).size).toBe(1)
    },
  )

  it('spreads grants over all buckets evenly', () => {
    const groups = createKeys('x').byBucket(
      'p',
      Array.from({ length: 6_400 }, (_, i) => `agency-${i}`),
    )
    const sizes = [...groups.values()].map((group) => group.length)
    expect(sizes).toHaveLength(64)
    expect(Math.min(...sizes)).toBeGreaterThan(50)
    expect(Math.max(...sizes)).toBeLessThan(170)
  })
})

describeWithRedis('keys on a server', () => {
  let server: RedisServer
  let open: ConnectedStore
  beforeAll(async () => {
    server = await startRedis()
    open = await connectNodeRedis([server])
  })
  afterAll(() => open?.close())

  it('every key that a script touches is declared', async () => {
    const monitor = createClient({ url: server.url })
    await monitor.connect()
    let declared: string[] = []
    let checked = 0
    const undeclared: string[] = []
    await monitor.monitor((line) => {
      const words = [...String(line).matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? '')
      const [command = '', first = '', count = ''] = words
      if (/^eval(sha)?$/i.test(command)) declared = words.slice(3, 3 + Number(count))
      if (!String(line).includes(' lua]') || /^(time|publish)$/i.test(command)) return
      checked++
      if (!declared.includes(first)) undeclared.push(`${command} ${first}`)
    })
    await useAll(open.store)
    // Once more, as MONITOR shows the text of scripts that are sent for the first time differently.
    await useAll(open.store)
    await new Promise((resolve) => setTimeout(resolve, 50))
    monitor.destroy()
    expect(undeclared).toEqual([])
    expect(checked).toBeGreaterThan(100)
  })

  it('odd prefixes work and stay apart', async () => {
    const prefixes = ['evergrant', 'evergrant:', '*', '[e]vergrant', 'a{b}', '{}', '😀', 'with space', "'"]
    const key = { provider: 'p', grantId: 'apart' }
    for (const prefix of prefixes) {
      const store = open.storeWith({ prefix })
      const heard: string[] = []
      const stop = await store.watch({ changed: ({ chain }) => void heard.push(chain), gap() {} })
      await store.save({ ...key, chain: `chain of ${prefix}`, generation: 1, ...pair })
      await new Promise((resolve) => setTimeout(resolve, 10))
      expect(heard).toEqual([`chain of ${prefix}`])
      await stop()
    }
    for (const prefix of prefixes) {
      const store = open.storeWith({ prefix })
      expect((await store.load(key)).record?.chain).toBe(`chain of ${prefix}`)
      expect((await store.list({ provider: 'p', limit: 9 })).records).toHaveLength(1)
    }
  })

  it('leaves nothing behind of a grant that was removed, and budgets expire', async () => {
    await server.command('FLUSHALL')
    await useAll(open.store)
    const left = await server.command(
      'EVAL',
      "local k = redis.call('KEYS', '*') table.sort(k) return table.concat(k, ' ')",
      '0',
    )
    expect(left.split('\r\n')[1]).toBe(
      'evergrant:{budget-b}:blocked evergrant:{budget-b}:demands evergrant:{budget-b}:slots',
    )
    for (const kind of ['blocked', 'demands', 'slots']) {
      const expiry = await server.command('PTTL', `evergrant:{budget-b}:${kind}`)
      expect(Number(expiry.slice(1))).toBeGreaterThan(long)
    }
  })

  it('sees the same grants through both clients', async () => {
    const other = await connectIoredis([server])
    const key = { provider: 'p', grantId: 'shared' }
    await open.store.save({ ...key, chain: 'c', generation: 1, ...pair })
    expect((await other.store.load(key)).record?.chain).toBe('c')
    await other.close()
  })

  it('works where ioredis adds a prefix of its own', async () => {
    const client = new Redis(server.url, { keyPrefix: 'app{}:' })
    const store = ioredisStore({ client })
    const heard: string[] = []
    const stop = await store.watch({ changed: ({ chain }) => void heard.push(chain), gap() {} })
    await useAll(store)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(heard.length).toBeGreaterThanOrEqual(5)
    await stop()
    client.disconnect()
  })

  it('understands a client that answers in buffers', async () => {
    const client = createClient({ url: server.url }).withTypeMapping({ 36: Buffer })
    await client.connect()
    const store = nodeRedisStore({ client })
    await useAll(store)
    client.destroy()
  })
})
