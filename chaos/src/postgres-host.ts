import { setTimeout as pause } from 'node:timers/promises'
import { migrate } from '@evergrant/store-postgres'
import pg from 'pg'
import { startPostgres } from '../../packages/store-postgres/test/postgres-server.js'
import type { StoreHost } from './store-host.js'

/** What PostgreSQL does unless it is told otherwise; the tests of the store turn it off to be quick. */
const DEFAULTS = ['fsync=on', 'full_page_writes=on', 'synchronous_commit=on']

/** A PostgreSQL of this run's own; its starter has a watchdog for it. */
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
