import { setTimeout as pause } from 'node:timers/promises'
import { migrate } from '@evergrant/store-postgres'
import { startPostgres } from '@evergrant/store-tests/postgres-server'
import pg from 'pg'
import type { StoreHost } from './store-host.js'

/** What PostgreSQL does unless it is told otherwise; the tests of the store turn it off to be quick. */
const DEFAULTS = ['fsync=on', 'full_page_writes=on', 'synchronous_commit=on']

/** A PostgreSQL of this run's own. */
export async function hostPostgres(escrow: string): Promise<StoreHost> {
  const server = await startPostgres(DEFAULTS)
  const pool = new pg.Pool({ ...server.connection, max: 1 })
  try {
    await migrate(pool)
  } finally {
    await pool.end()
  }
  return {
    address: { kind: 'postgres', port: server.port, escrow },
    async restart({ crash, awayMs }) {
      await server.stop(crash ? 'immediate' : 'fast')
      await pause(awayMs)
      await server.start()
    },
    close: () => server.remove(),
  }
}
