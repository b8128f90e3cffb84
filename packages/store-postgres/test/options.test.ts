import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { migrate, migrationSql, type PostgresStoreOptions, postgresStore } from '../src/index.js'

const pool = new pg.Pool({ max: 2 })

describe('options', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no pool', {}],
    ['a connection string', { pool: 'postgres://localhost' }],
    ['a single client', { pool: new pg.Client() }],
    ['an empty schema', { pool, schema: '' }],
    ['a schema longer than a name may be', { pool, schema: 'é'.repeat(32) }],
    ['a schema with NUL', { pool, schema: 'a\0' }],
    ['a prefix that is no text', { pool, tablePrefix: 5 }],
    ['a prefix without room for our names', { pool, tablePrefix: 'p'.repeat(41) }],
    ['LISTEN on the only connection', { pool: new pg.Pool({ max: 1 }) }],
    ['LISTEN on something else', { pool, listen: 'yes' }],
    ['no time', { pool, stepTimeoutMs: 0 }],
    ['time without end', { pool, stepTimeoutMs: Number.POSITIVE_INFINITY }],
  ])('refuses %s at construction', (_, options) => {
    expect(() => postgresStore(options as PostgresStoreOptions)).toThrow(TypeError)
  })

  it('are the same for the migration', async () => {
    expect(() => migrationSql({ schema: '' })).toThrow(TypeError)
    await expect(migrate(pool, { tablePrefix: '\ud800' })).rejects.toThrow(TypeError)
    await expect(migrate(undefined as never)).rejects.toThrow(TypeError)
  })

  it('touch nothing at construction', () => {
    postgresStore({ pool })
    expect(pool.totalCount).toBe(0)
  })

  it('take a pool of a class of your own', () => {
    class Metered extends pg.Pool {}
    expect(postgresStore({ pool: new Metered({ max: 2 }) }).watch).toBeTypeOf('function')
  })

  it('of one connection go with LISTEN elsewhere or not at all', () => {
    const one = new pg.Pool({ max: 1 })
    expect(postgresStore({ pool: one, listen: false }).watch).toBeUndefined()
    expect(postgresStore({ pool: one, listen: pool }).watch).toBeTypeOf('function')
  })

  it('refuses ids that PostgreSQL cannot keep', async () => {
    const store = postgresStore({ pool, listen: false })
    await expect(store.load({ provider: 'p', grantId: 'a\0b' })).rejects.toThrow(TypeError)
    await expect(store.load({ provider: '\ud800', grantId: 'a' })).rejects.toThrow(TypeError)
  })
})
