import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { type RedisServer, startRedis } from '@evergrant/store-tests/redis-server'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  type Connect,
  type ConnectedStore,
  connectIoredis,
  connectNodeRedis,
  connectNodeRedis5,
} from './clients.js'
import { ear, eventually } from './ear.js'

const link = { provider: 'p', grantId: 'g', chain: 'chain-1', generation: 1 } as const
const pair = { secret: 'secret', expiresAtMs: null, renewAtMs: null }

const connections = async (server: RedisServer, kind: string): Promise<number> =>
  Number(new RegExp(`${kind}:(\\d+)`).exec(await server.command('INFO', 'clients'))?.[1])

async function subscribers(server: RedisServer): Promise<number> {
  const list = await server.command('CLIENT', 'LIST', 'TYPE', 'pubsub')
  return list.split('\n').filter((line) => line.includes('sub=1')).length
}

const single: Readonly<Record<string, Connect>> = {
  'redis 6': connectNodeRedis,
  'redis 5': connectNodeRedis5,
  ioredis: connectIoredis,
}

for (const [name, connect] of Object.entries(single)) {
  describeWithRedis(`notices through ${name}`, () => {
    let server: RedisServer
    let open: ConnectedStore
    beforeEach(async () => {
      server = await startRedis()
      open = await connect([server], { commandTimeoutMs: 150 })
    })
    afterEach(async () => {
      await open.close()
      await server.kill()
    })

    it('tells of a gap after its connection was cut, and hears again', async () => {
      const first = ear()
      const stop = await open.store.watch(first)
      await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await eventually(() => first.gaps() === 1)
      await open.store.save({ ...link, ...pair })
      await eventually(() => first.heard.length === 1)
      await stop()
      await eventually(async () => (await subscribers(server)) === 0)
    })

    it('tells of a gap after the server was restarted', async () => {
      const first = ear()
      const stop = await open.store.watch(first)
      await server.kill()
      await server.start()
      await eventually(() => first.gaps() === 1)
      await eventually(() =>
        open.store.save({ ...link, ...pair }).then(
          () => true,
          () => false,
        ),
      )
      await eventually(() => first.heard.length === 1)
      await stop()
    })

    it('begins with a gap when the server was away at first', async () => {
      await server.kill()
      const first = ear()
      const stop = await open.store.watch(first)
      expect(first.gaps()).toBe(0)
      await server.start()
      await eventually(() => first.gaps() === 1)
      await stop()
    })

    it('has one connection for all watchers, closed with the last, and leaves the client open', async () => {
      const before = await connections(server, 'connected_clients')
      const ears = [ear(), ear()] as const
      const stops = [await open.store.watch(ears[0]), await open.store.watch(ears[1])]
      expect(await subscribers(server)).toBe(1)
      await stops[0]?.()
      expect(await subscribers(server)).toBe(1)
      await stops[1]?.()
      await eventually(async () => (await connections(server, 'connected_clients')) === before)
      await open.store.save({ ...link, ...pair })
      const again = ear()
      const stop = await open.store.watch(again)
      await open.store.remove(link)
      await eventually(() => again.heard.length === 1)
      expect(again.heard[0]).toEqual({ provider: 'p', grantId: 'g', chain: '', generation: 0 })
      await stop()
    })
  })
}
