import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { type RedisServer, startRedis } from '@evergrant/store-tests/redis-server'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type ConnectedStore, connectIoredis, connectNodeRedis } from './clients.js'

const link = { provider: 'p', grantId: 'g', chain: 'chain-1', generation: 1 } as const
const pair = { secret: 'secret', expiresAtMs: null, renewAtMs: 1 }
const long = 60_000

describeWithRedis('SCRIPT FLUSH', () => {
  let server: RedisServer
  const open: ConnectedStore[] = []
  beforeAll(async () => {
    server = await startRedis()
    open.push(await connectNodeRedis([server]), await connectIoredis([server]))
  })
  afterAll(() => Promise.all(open.map((each) => each.close())))

  it.each(['node-redis', 'ioredis'])('between any two steps goes unnoticed, with %s', async (name) => {
    const { store } = open[name === 'ioredis' ? 1 : 0]!
    const due = { provider: 'p', beforeMs: 2, limit: 5, holdMs: long }
    const slot = {
      bucket: 'b',
      slot: name,
      limit: 5,
      windowMs: 1,
      slotMs: 1,
      reserve: 0,
      member: 'm',
      waiting: 0,
    }
    let heldSinceMs = 0
    const steps = [
      () => store.save({ ...link, ...pair }),
      () => store.load(link),
      () => store.claimDue(due),
      () => store.acquire({ ...link, attempt: 'x', ttlMs: long, maxHoldMs: long }),
      () => store.takeBudget({ ...slot, priority: 'caller' }),
      () => store.penalize({ bucket: 'b', untilMs: 1 }),
      () => store.arm({ ...link, attempt: 'x', ttlMs: long, heldSinceMs }),
      () => store.replaceSecret({ ...link, from: 'secret', to: 'sealed' }),
      () => store.release({ ...link, attempt: 'x', outcome: 'lost' }),
      () => store.acquire({ ...link, attempt: 'y', ttlMs: long, maxHoldMs: long }),
      () => store.fail({ ...link, attempt: 'y', reason: 'r' }),
      () => store.commit({ ...link, attempt: 'x', next: pair }),
      () => store.list({ provider: 'p', limit: 5 }),
      () => store.remove(link),
    ]
    const answers: string[] = []
    for (const step of steps) {
      await server.command('SCRIPT', 'FLUSH')
      type Answer = { status?: string; keys?: unknown[]; records?: unknown[]; heldSinceMs?: number }
      const answer = (await step()) as Answer | undefined
      heldSinceMs = answer?.heldSinceMs ?? heldSinceMs
      answers.push(answer?.status ?? String(answer?.keys?.length ?? answer?.records?.length ?? ''))
    }
    const expected = [
      'saved',
      '',
      '1',
      'acquired',
      'granted',
      '',
      'armed',
      'replaced',
      '',
      'acquired',
      'failed',
      'committed',
      '1',
      '',
    ]
    expect(answers).toEqual(expected)
  })
})
