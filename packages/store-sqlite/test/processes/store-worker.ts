import type { SaveRequest } from '@evergrant/core'
import { type StoreJobs, storeJobs } from '@evergrant/store-tests/processes/jobs'
import { readSetup, serve } from '@evergrant/store-tests/processes/serve'
import Database from 'libsql'
import { sqliteStore } from '../../src/index.js'

/** Started with the path of the file, for a handle of its own on it. */
export interface WorkerJobs extends StoreJobs {
  save(request: SaveRequest): Promise<void>
  /** How many SQL statements this process has run since `watch`. */
  statements(): number
}

let statements = 0

function countStatements(): void {
  const probe = new Database(':memory:')
  const prototype = Object.getPrototypeOf(probe.prepare('SELECT 1')) as Record<string, unknown>
  for (const name of ['get', 'run', 'iterate']) {
    const original = prototype[name] as (...values: unknown[]) => unknown
    prototype[name] = function (this: unknown, ...values: unknown[]) {
      statements++
      return original.apply(this, values)
    }
  }
}
countStatements()

const store = sqliteStore({ path: readSetup<string>() })
const shared = storeJobs(store)
const jobs: WorkerJobs = {
  ...shared,
  async save(request) {
    await store.save(request)
  },
  async watch() {
    await shared.watch()
    statements = 0
  },
  statements: () => statements,
}
serve(jobs)
