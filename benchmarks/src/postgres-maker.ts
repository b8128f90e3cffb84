import { migrate } from '@evergrant/store-postgres'
import { startPostgres } from '@evergrant/store-tests/postgres-server'
import type pg from 'pg'
import type { FilledStore, StoreMaker } from './filled-store.js'
import { dueTimesFrom, ID_DIGITS, PROVIDER, SCATTER, secretPieces } from './made-up-grants.js'
import { openStore, poolOn } from './open-store.js'
import { postgresPlans } from './postgres-plans.js'

/** What PostgreSQL does unless it is told otherwise; but the log need not be written over during one run. */
const SETTINGS = [
  'fsync=on',
  'full_page_writes=on',
  'synchronous_commit=on',
  'shared_buffers=128MB',
  'max_wal_size=4GB',
]

/** Rows as `save` of the store writes them. */
const insertGrants = (schema: string): string => `
  INSERT INTO ${schema}.grants (provider, grant_id, chain, generation, secret, expires_at_ms, renew_at_ms, state,
    attempts, sends, committed_at_ms)
  SELECT $1, 'grant-' || lpad(n::text, ${ID_DIGITS}, '0'), gen_random_uuid()::text, 1,
    $2::text || md5(n || 'a') || md5(n || 'b') || $3::text || md5(n || 'c') || md5(n || 'd') || $4::text,
    due + $5, due, 'live', '[]', 0, $6
  FROM (
    SELECT n, floor($7::double precision + (n::bigint * ${SCATTER} % $8::bigint) * $9::double precision / $8::bigint)
      AS due
    FROM generate_series(1, $8::bigint) AS n
  ) AS numbered`

async function insert(pool: pg.Pool, schema: string, grants: number): Promise<void> {
  const nowMs = Date.now()
  const { firstMs, spreadMs, graceMs } = dueTimesFrom(nowMs)
  const values = [PROVIDER, ...secretPieces, graceMs, nowMs, firstMs, grants, spreadMs]
  await pool.query(insertGrants(schema), values)
  // What autovacuum does a minute later; and nothing is left to be written while others are timed.
  await pool.query(`VACUUM (ANALYZE) ${schema}.grants`)
  await pool.query('CHECKPOINT')
}

async function sizeOf(pool: pg.Pool, schema: string): Promise<number> {
  const { rows } = await pool.query<{ bytes: string }>('SELECT pg_total_relation_size($1) AS bytes', [
    `${schema}.grants`,
  ])
  return Number(rows[0]?.bytes)
}

/** Schemas of one server; its starter has a watchdog for it. */
export async function makePostgres(): Promise<StoreMaker> {
  const server = await startPostgres(SETTINGS)
  const { port } = server
  return {
    setting: `PostgreSQL ${server.version} on this machine, ${SETTINGS.join(' ')}`,

    async fill(grants) {
      const schema = `evergrant_${grants}`
      const pool = poolOn(port)
      try {
        await migrate(pool, { schema })
        await insert(pool, schema, grants)
        const address = { kind: 'postgres', port, schema } as const
        return { grants, address, bytes: await sizeOf(pool, schema), ...openStore(address) }
      } finally {
        await pool.end()
      }
    },

    async plansOf({ address, grants }: FilledStore) {
      return address.kind === 'postgres' ? postgresPlans(address, grants) : []
    },

    close: () => server.remove(),
  }
}
