import { noPostgres, postgresIsThere } from '@evergrant/store-tests/postgres-programs'
import { type PostgresServer, startPostgres } from '@evergrant/store-tests/postgres-server'
import type { PoolConfig } from 'pg'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** How to reach the server that all test files share; each makes a database of its own there. */
    postgres: PoolConfig | undefined
  }
}

let server: PostgresServer | undefined

/** Runs once, before the first test file. */
export async function setup({ provide }: TestProject): Promise<void> {
  if (postgresIsThere) server = await startPostgres()
  provide('postgres', server?.connection)
}

export async function teardown(): Promise<void> {
  await server?.remove()
  if (!postgresIsThere) console.warn(`\n!!! SKIPPED store-postgres: its tests cannot run, ${noPostgres}\n`)
}
