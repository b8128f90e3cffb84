import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { postgresStore } from '../src/index.js'
import { serverIsThere, useDatabase } from './database.js'

const link = { provider: 'p', grantId: 'g', chain: 'c', generation: 1 } as const
const pair = { secret: 'secret-1', expiresAtMs: null, renewAtMs: null }

describe.skipIf(!serverIsThere)('connections', () => {
  const database = useDatabase()

  it('none is held between steps: a rotation gets by with one that others use in between', async () => {
    const pool = database.pool({ max: 1 })
    const store = postgresStore({ pool, listen: false })
    const window = { bucket: 'b', limit: 5, windowMs: 1_000, slotMs: 100, reserve: 0, waiting: 0 }
    const attempt = 'a'
    const rotation = [
      () => store.save({ ...link, ...pair }),
      () => store.acquire({ ...link, attempt, ttlMs: 60_000, maxHoldMs: 60_000 }),
      () => store.takeBudget({ ...window, slot: 's', priority: 'caller', member: 'm' }),
      () => store.arm({ ...link, attempt, ttlMs: 60_000, heldSinceMs: 0 }),
      () => store.commit({ ...link, attempt, next: pair }),
    ]
    for (const step of rotation) {
      await step()
      expect([pool.totalCount, pool.idleCount]).toEqual([1, 1])
      expect((await pool.query('SELECT 1 AS others')).rows).toEqual([{ others: 1 }])
    }
    expect((await store.load(link)).record?.generation).toBe(2)
  })

  it('each step is one statement, without a name', async () => {
    const asked: unknown[] = []
    class Counting extends pg.Client {
      override query(...values: unknown[]): never {
        asked.push(values[0])
        return (super.query as (...values: unknown[]) => never)(...values)
      }
    }
    const pool = database.pool({ max: 1, Client: Counting } as pg.PoolConfig)
    const store = postgresStore({ pool, listen: false })
    await store.save({ ...link, ...pair, grantId: 'one' })
    await store.load({ ...link, grantId: 'one' })
    await store.list({ provider: 'p', limit: 1 })
    expect(asked).toHaveLength(3)
    for (const statement of asked) expect(statement).not.toHaveProperty('name')
    expect(JSON.stringify(asked.map((each) => (each as { text: string }).text))).not.toContain('secret-1')
  })

  it('a step that was given up while it waited for one never happens', async () => {
    const pool = database.pool({ max: 1 })
    const store = postgresStore({ pool, listen: false, stepTimeoutMs: 30 })
    const taken = await pool.connect()
    const late = store.save({ ...link, ...pair, grantId: 'late' })
    await expect(late).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', reason: 'TIMEOUT' })
    taken.release()
    await pool.query('SELECT 1')
    expect((await store.load({ ...link, grantId: 'late' })).record).toBeUndefined()
    expect(pool.idleCount).toBe(1)
  })

  it('watchers of one store share one, and the last gives it up', async () => {
    const pool = database.pool({ max: 3 })
    const store = postgresStore({ pool })
    const ear = { changed() {}, gap() {} }
    const stops = await Promise.all([store.watch(ear), store.watch(ear), store.watch(ear)])
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 0])
    await stops[0]()
    await stops[1]()
    expect(pool.totalCount).toBe(1)
    await stops[2]()
    expect(pool.totalCount).toBe(0)
    const again = await store.watch(ear)
    expect(pool.totalCount).toBe(1)
    await again()
    await store.close()
  })
})
