import { type StoreJobs, storeJobs } from '@evergrant/store-tests/processes/jobs'
import { readSetup, serve } from '@evergrant/store-tests/processes/serve'
import pg from 'pg'
import { migrate, postgresStore } from '../../src/index.js'

/** Started with the connection of a pool of its own on the same database. */
export interface WorkerJobs extends StoreJobs {
  migrate(): Promise<void>
}

const pool = new pg.Pool(readSetup<pg.PoolConfig>())
pool.on('error', () => {})
const jobs: WorkerJobs = { ...storeJobs(postgresStore({ pool })), migrate: () => migrate(pool) }
serve(jobs)
