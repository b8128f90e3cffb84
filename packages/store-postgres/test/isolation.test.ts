import { describe, expect, it } from 'vitest'
import { postgresStore } from '../src/index.js'
import { serverIsThere, useDatabase } from './database.js'

const long = 60_000
const pair = { secret: 'secret-1', expiresAtMs: null, renewAtMs: null }
const levels = ['repeatable read', 'serializable']

describe.skipIf(!serverIsThere).each(levels)('an application whose default isolation is %s', (level) => {
  const database = useDatabase()
  const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`
  const pool = database.pool({ max: 16, options })
  const store = postgresStore({ pool, listen: false, stepTimeoutMs: 20_000 })
  const link = { provider: 'p', grantId: 'g', chain: 'c', generation: 1 } as const
  const all = <T>(step: (i: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: 64 }, (_, i) => step(i)))

  it('is what the sessions really have', async () => {
    const { rows } = await pool.query('SHOW transaction_isolation')
    expect(rows[0]).toEqual({ transaction_isolation: level })
  })

  it('fails none of many steps on one grant, and one of them wins', async () => {
    await all((i) => store.save({ ...link, ...pair, chain: `c-${i % 3}` }))
    await store.remove(link)
    await store.save({ ...link, ...pair })
    const leases = await all((i) =>
      store.acquire({ ...link, attempt: `a-${i}`, ttlMs: long, maxHoldMs: long }),
    )
    expect(leases.filter(({ status }) => status === 'acquired')).toHaveLength(1)
    const commits = await all((i) => store.commit({ ...link, attempt: `a-${i}`, next: pair }))
    expect(commits.filter(({ status }) => status === 'committed')).toHaveLength(1)
  })

  it('fails none of many requests for one budget', async () => {
    const window = { bucket: 'b', limit: 10, windowMs: long, slotMs: 200, reserve: 0 }
    const caller = { ...window, priority: 'caller', waiting: 0 } as const
    const slots = await all((i) => store.takeBudget({ ...caller, slot: `s-${i}`, member: `m-${i}` }))
    expect(slots.filter(({ status }) => status === 'granted')).toHaveLength(10)
    // 54 were refused and wait; whoever asks last is one of them and not counted.
    expect(Math.max(...slots.map(({ waiting }) => waiting))).toBe(53)
  })

  it('does each step at READ COMMITTED, flushed to the disk whatever the default', async () => {
    await pool.query(`
      CREATE TABLE seen (isolation text, flushing text);
      CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO seen VALUES (current_setting('transaction_isolation'), current_setting('synchronous_commit'));
        RETURN NEW;
      END $$;
      CREATE TRIGGER see BEFORE INSERT OR UPDATE ON evergrant.grants FOR EACH ROW EXECUTE FUNCTION see()`)
    const lazy = database.pool({ options: `${options} -c synchronous_commit=off`, max: 1 })
    const lazyStore = postgresStore({ pool: lazy, listen: false })
    const next = { ...link, grantId: 'seen' }
    await lazyStore.save({ ...next, ...pair })
    const lease = await lazyStore.acquire({ ...next, attempt: 'a', ttlMs: long, maxHoldMs: long })
    const heldSinceMs = lease.status === 'acquired' ? lease.heldSinceMs : 0
    await lazyStore.arm({ ...next, attempt: 'a', ttlMs: long, heldSinceMs })
    await lazyStore.commit({ ...next, attempt: 'a', next: pair })
    const { rows } = await pool.query(
      'SELECT DISTINCT isolation, flushing, count(*)::int FROM seen GROUP BY 1, 2',
    )
    expect(rows).toEqual([{ isolation: 'read committed', flushing: 'on', count: 4 }])
    const { rows: after } = await lazy.query('SHOW synchronous_commit')
    expect(after).toEqual([{ synchronous_commit: 'off' }])
  })

  it('leaves the sessions as they were', async () => {
    const { rows } = await pool.query('SHOW transaction_isolation')
    expect(rows[0]).toEqual({ transaction_isolation: level })
  })
})
