import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { isEvergrantError } from '@evergrant/core'
import type pg from 'pg'
import { describe, expect, it } from 'vitest'
import { migrate, migrationSql, type PostgresSchemaOptions, postgresStore } from '../src/index.js'
import { serverIsThere, useDatabase } from './database.js'

const pair = { secret: 'fixture-secret', expiresAtMs: null, renewAtMs: null }
const link = { provider: 'p', grantId: 'g', chain: 'c', generation: 1 } as const

/** A whole rotation, and everything else once. */
async function useAll(pool: pg.Pool, place: PostgresSchemaOptions = {}): Promise<void> {
  const store = postgresStore({ ...place, pool, listen: false })
  const window = { bucket: 'b', limit: 5, windowMs: 1_000, slotMs: 100, reserve: 0, waiting: 0 }
  await store.save({ ...link, ...pair })
  const lease = await store.acquire({ ...link, attempt: 'a', ttlMs: 60_000, maxHoldMs: 60_000 })
  if (lease.status !== 'acquired') throw new Error(`the lease is not free: ${lease.status}`)
  const { heldSinceMs } = lease
  const slot = await store.takeBudget({ ...window, slot: 's', priority: 'caller', member: 'm' })
  expect(slot.status).toBe('granted')
  expect((await store.arm({ ...link, attempt: 'a', ttlMs: 60_000, heldSinceMs })).status).toBe('armed')
  await store.release({ ...link, attempt: 'a', outcome: 'lost' })
  expect((await store.commit({ ...link, attempt: 'a', next: pair })).status).toBe('committed')
  const second = { ...link, generation: 2 }
  expect((await store.fail({ ...second, attempt: 'b', reason: 'r' })).status).toBe('not-holder')
  const { secret: from } = pair
  expect((await store.replaceSecret({ ...second, from, to: 'x' })).status).toBe('replaced')
  await store.claimDue({ provider: 'p', beforeMs: 1, limit: 1, holdMs: 1 })
  await store.penalize({ bucket: 'b', untilMs: 1 })
  expect((await store.list({ provider: 'p', limit: 9, state: 'live' })).records).toHaveLength(1)
  expect((await store.load(link)).record?.generation).toBe(2)
  expect((await store.remove(link)).record?.generation).toBe(2)
  await store.close()
}

async function failure(step: Promise<unknown>) {
  const error = await step.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isEvergrantError(error)) throw new Error(`not one of ours: ${inspect(error)}`)
  expect(inspect(error) + JSON.stringify(error)).not.toContain('fixture-secret')
  return error
}

describe.skipIf(!serverIsThere)('migrate', () => {
  const database = useDatabase('empty')
  const pool = database.pool()
  const unusable = 'STORE_UNUSABLE'

  it('of a server that is away rejects with STORE_UNAVAILABLE', async () => {
    const nobody = database.pool({ port: 1 })
    expect(await failure(migrate(nobody))).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      reason: 'ECONNREFUSED',
    })
  })

  it('is what a store without its schema asks for', async () => {
    const store = postgresStore({ pool, listen: false })
    for (const step of [() => store.load(link), () => store.save({ ...link, ...pair })]) {
      const error = await failure(step())
      expect(error.code).toBe(unusable)
      expect(error.message).toContain('Run migrate()')
    }
    await migrate(pool)
    await store.load(link)
    const elsewhere = postgresStore({ pool, listen: false, tablePrefix: 'other_' })
    expect(await failure(elsewhere.load(link))).toMatchObject({ code: unusable, reason: '42883' })
  })

  it('may be run by many at once and again', async () => {
    const eight = Array.from({ length: 8 }, () => database.pool({ max: 1 }))
    const place = { schema: 'race' }
    await Promise.all(eight.map((each) => migrate(each, place)))
    await Promise.all(eight.map((each) => migrate(each, place)))
    await useAll(pool, place)
    // A schema that is not there yet, for many prefixes.
    const prefixes = eight.map((each, i) => migrate(each, { schema: 'prefixes', tablePrefix: `p${i}_` }))
    await Promise.all(prefixes)
  })

  it('may be run by many at once where the default isolation is serializable', async () => {
    const options = '-c default_transaction_isolation=serializable'
    const eight = Array.from({ length: 8 }, () => database.pool({ max: 1, options }))
    const place = { schema: 'strict_race' }
    await Promise.all(eight.map((each) => migrate(each, place)))
    await useAll(pool, place)
  })

  it.each<PostgresSchemaOptions>([
    { schema: 'Upper Case', tablePrefix: 'Ünï' },
    { schema: `we"ird'; DROP SCHEMA public; --`, tablePrefix: `$$\\'"$evergrant$%s ` },
    { schema: '😀'.repeat(15), tablePrefix: 'p'.repeat(40) },
    { schema: 'public', tablePrefix: 'evergrant_' },
    { schema: 'select', tablePrefix: '' },
  ])('works in schema $schema with prefix $tablePrefix', async (place) => {
    await migrate(pool, place)
    await migrate(pool, place)
    await useAll(pool, place)
    const store = postgresStore({ ...place, pool })
    const heard: string[] = []
    await store.watch({ changed: ({ chain }) => void heard.push(chain), gap() {} })
    await store.save({ ...link, ...pair })
    await expect.poll(() => heard).toEqual(['c'])
    await store.close()
  })

  it('two prefixes in one schema are two stores, which do not hear each other', async () => {
    const [a, b] = ['a_', 'b_'].map((tablePrefix) => ({ schema: 'two', tablePrefix }))
    await migrate(pool, a)
    await migrate(pool, b)
    const [first, second] = [postgresStore({ ...a, pool }), postgresStore({ ...b, pool })]
    const heard: string[] = []
    await second.watch({ changed: ({ chain }) => void heard.push(chain), gap() {} })
    await first.save({ ...link, ...pair })
    expect((await second.load(link)).record).toBeUndefined()
    await second.save({ ...link, ...pair, chain: 'mine' })
    await expect.poll(() => heard).toEqual(['mine'])
    await Promise.all([first.close(), second.close()])
  })

  it('as text runs in the transaction of a migration tool, twice', async () => {
    const place = { schema: 'by_text' }
    for (let run = 0; run < 2; run++) {
      const client = await pool.connect()
      await client.query('BEGIN')
      await client.query(migrationSql(place))
      await client.query('COMMIT')
      client.release()
    }
    await useAll(pool, place)
  })

  it('refuses a schema that is newer, and changes nothing', async () => {
    const place = { schema: 'newer' }
    await migrate(pool, place)
    await pool.query('UPDATE newer.schema_version SET version = 99')
    const error = await failure(migrate(pool, place))
    expect(error.code).toBe(unusable)
    expect(error.message).toMatch(/newer.*Upgrade/)
  })

  it('refuses tables of the same name that are not its own, and changes nothing', async () => {
    await pool.query('CREATE SCHEMA theirs; CREATE TABLE theirs.grants (id integer)')
    const error = await failure(migrate(pool, { schema: 'theirs' }))
    expect(error.code).toBe(unusable)
    expect(error.message).toContain('another `schema` or `tablePrefix`')
    const { rows } = await pool.query(
      `SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'theirs'`,
    )
    expect(rows).toEqual([{ relname: 'grants' }])
  })

  it('leaves the pool as it was, also after a failure', async () => {
    const one = database.pool({ max: 1 })
    await failure(migrate(one, { schema: 'pg_reserved' }))
    await migrate(one, { schema: 'after' })
    const { rows } = await one.query('SELECT pg_current_xact_id_if_assigned() IS NULL AS idle')
    expect([one.totalCount, one.idleCount, rows]).toEqual([1, 1, [{ idle: true }]])
  })
})

describe.skipIf(!serverIsThere)('the role of the pool', () => {
  const database = useDatabase()
  const owner = database.pool()

  it('needs exactly what the README grants', async () => {
    const role = `app_${crypto.randomUUID().slice(0, 8)}`
    await owner.query(`CREATE ROLE ${role} LOGIN`)
    const pool = database.pool({ user: role })
    const denied = { code: 'STORE_UNUSABLE', reason: '42501' }
    expect(await failure(useAll(pool))).toMatchObject(denied)
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    const [, grants = ''] = /```sql\n(GRANT[^`]*)```/.exec(readme) ?? []
    expect(grants).toContain('my_app')
    await owner.query(grants.replaceAll('my_app', role))
    await useAll(pool)
    await migrate(pool)
    expect(await failure(migrate(pool, { schema: 'not_mine' }))).toMatchObject(denied)
    await owner.query(`REVOKE DELETE ON evergrant.grants FROM ${role}`)
    const store = postgresStore({ pool, listen: false })
    expect(await failure(store.remove(link))).toMatchObject(denied)
  })
})
