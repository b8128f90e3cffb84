import { isEvergrantError, type TokenStore } from '@evergrant/core'
import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { type Persistence, startRedis } from '@evergrant/store-tests/redis-server'
import { afterEach, expect, it } from 'vitest'
import { type Connect, type ConnectedStore, connectIoredis, connectNodeRedis } from './clients.js'

const key = { provider: 'p', grantId: 'g' }
const link = { ...key, chain: 'chain-1', generation: 1 } as const
const pair = (secret: string) => ({ secret, expiresAtMs: null, renewAtMs: null })
const long = 60_000

const open: ConnectedStore[] = []
afterEach(() => Promise.all(open.splice(0).map((each) => each.close())))

async function start(connect: Connect, persistence: Persistence, commandTimeoutMs = 5_000) {
  const server = await startRedis({ persistence })
  const connected = await connect([server], { commandTimeoutMs })
  open.push(connected)
  return { server, store: connected.store }
}

const commit = (store: TokenStore, generation: number) =>
  store.commit({ ...link, generation, attempt: `a-${generation}`, next: pair(`secret-${generation + 1}`) })

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (isEvergrantError(error) ? error.code : String(error)),
  )

const clients = { 'node-redis': connectNodeRedis, ioredis: connectIoredis }

for (const [name, connect] of Object.entries(clients)) {
  describeWithRedis(`a restart of the server, seen through ${name}`, () => {
    it('keeps every answered step after SIGKILL with appendfsync always', async () => {
      const { server, store } = await start(connect, 'always')
      await store.save({ ...link, ...pair('secret-1') })
      let generation = 1
      const killed = new Promise((resolve) => setTimeout(resolve, 150)).then(() => server.kill())
      // Until one is not answered: it may be there or not, all before it must be.
      for (;;) {
        const answer = await Promise.race([commit(store, generation).catch(() => undefined), killed])
        if (!answer) break
        generation++
      }
      await killed
      await server.start()
      const { record } = await store.load(key)
      expect(record?.generation).toBeGreaterThanOrEqual(generation)
      expect(record?.generation).toBeLessThanOrEqual(generation + 1)
    })

    it('rejects with STORE_UNAVAILABLE while it is away, in time, and works again after', async () => {
      const { server, store } = await start(connect, 'always', 200)
      await store.save({ ...link, ...pair('secret-1') })
      const lease = await store.acquire({ ...link, attempt: 'x', ttlMs: long, maxHoldMs: long })
      const heldSinceMs = lease.status === 'acquired' ? lease.heldSinceMs : 0
      await store.arm({ ...link, attempt: 'x', ttlMs: long, heldSinceMs })
      await server.stop()
      const beganMs = performance.now()
      const away = [
        commit(store, 1),
        store.load(key),
        store.claimDue({ provider: 'p', beforeMs: 1, limit: 1, holdMs: 1 }),
      ]
      const codes = await Promise.all(away.map(codeOf))
      expect(codes).toEqual(away.map(() => 'STORE_UNAVAILABLE'))
      expect(performance.now() - beganMs).toBeLessThan(400)

      await server.start()
      // The client finds back in its own time.
      while ((await codeOf(store.load(key))) !== 'resolved');
      const { record } = await store.load(key)
      expect([record?.generation, record?.sends, record?.attempts[0]?.id]).toEqual([1, 1, 'x'])
      expect((await store.acquire({ ...link, attempt: 'y', ttlMs: 1, maxHoldMs: 1 })).status).toBe('busy')
      expect((await commit(store, 1)).status).toBe('committed')
    })

    it('a step that was given up does not happen later', async () => {
      const { server, store } = await start(connect, 'none', 150)
      await store.save({ ...link, ...pair('secret-1') })
      server.freeze()
      // These reach the server, which cannot read them yet.
      const late = [
        store.save({ ...link, chain: 'chain-2', ...pair('from an old login') }),
        store.remove(key),
        store.penalize({ bucket: 'b', untilMs: Date.now() + long }),
      ]
      expect(await Promise.all(late.map(codeOf))).toEqual(late.map(() => 'STORE_UNAVAILABLE'))
      await new Promise((resolve) => setTimeout(resolve, 20))
      server.thaw()
      while ((await codeOf(store.load(key))) !== 'resolved');
      expect((await store.load(key)).record?.secret).toBe('secret-1')
      const slot = {
        bucket: 'b',
        slot: 's',
        limit: 1,
        windowMs: 1,
        slotMs: 1,
        reserve: 0,
        member: 'm',
        waiting: 0,
      }
      expect((await store.takeBudget({ ...slot, priority: 'caller' })).status).toBe('granted')
    })

    it('without persistence it forgets everything: grants are missing', async () => {
      const { server, store } = await start(connect, 'none')
      await store.save({ ...link, ...pair('secret-1') })
      await server.stop()
      await server.start()
      expect((await store.load(key)).record).toBeUndefined()
      expect((await commit(store, 1)).status).toBe('missing')
    })

    it('with snapshots only it forgets what came after the last: a lower generation of the chain', async () => {
      const { server, store } = await start(connect, 'rdb')
      await store.save({ ...link, ...pair('secret-1') })
      await commit(store, 1)
      await server.command('SAVE')
      await commit(store, 2)
      await commit(store, 3)
      await server.kill()
      await server.start()
      const { record } = await store.load(key)
      expect([record?.chain, record?.generation, record?.secret]).toEqual(['chain-1', 2, 'secret-2'])
      // Who has the newer pair (an escrow) commits it anew: all answers say which link is stored.
      const late = await commit(store, 4)
      expect(late.status === 'superseded' && late.record.generation).toBe(2)
      expect((await commit(store, 2)).status).toBe('committed')
    })
  })
}
