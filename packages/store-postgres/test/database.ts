import pg from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'
import { migrate, type PostgresSchemaOptions } from '../src/index.js'

const shared = inject('postgres')

/** Whether there is a server to test with; where there is none, the run has said so. */
export const serverIsThere: boolean = shared !== undefined

export interface Database {
  readonly connection: pg.PoolConfig
  /** A pool that is ended after the tests, and bears the loss of idle connections. */
  pool(config?: pg.PoolConfig): pg.Pool
}

/** A database of these tests' own, with the store's schema in it. */
export function useDatabase(options: PostgresSchemaOptions | 'empty' = {}): Database {
  const name = `test_${crypto.randomUUID().replaceAll('-', '')}`
  const connection: pg.PoolConfig = { ...shared, database: name }
  const pools: pg.Pool[] = []

  beforeAll(async () => {
    if (!shared) return
    const admin = new pg.Client(shared)
    await admin.connect()
    await admin.query(`CREATE DATABASE ${name}`)
    await admin.end()
    if (options === 'empty') return
    const pool = new pg.Pool(connection)
    await migrate(pool, options)
    await pool.end()
  })
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.end()))
  })
  return {
    connection,
    pool(config = {}) {
      const pool = new pg.Pool({ ...connection, ...config })
      pool.on('error', () => {})
      pools.push(pool)
      return pool
    },
  }
}
