import type { PoolConfig } from 'pg'
import type { TestProject } from 'vitest/node'
import { noServer, type PostgresServer, postgresIsThere, startPostgres } from './postgres-server.js'

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
  if (!postgresIsThere) console.warn(`\n!!! SKIPPED ${noServer}\n`)
}
