import { checkPlace, checkPool, type PostgresSchemaOptions } from './options.js'
import type { PostgresPool } from './pg-like.js'
import { translateError } from './postgres-errors.js'
import { migrationSql } from './schema.js'

/**
 * Creates or upgrades the tables and functions of the store, in one transaction. Any number of processes may
 * run it at once, at every start: one does the work, the others wait and find it done. Needs the right to
 * create a schema (or tables in the one that exists) only when there is something to do.
 *
 * @param pool - A `pg` Pool; one connection is used and given back.
 * @param options - The same `schema` and `tablePrefix` as for `postgresStore`.
 * @throws TypeError - an argument is wrong.
 * @throws EvergrantError `STORE_UNUSABLE` - the schema is newer than this package, the names belong to other
 *   tables, or a permission is missing: nothing was changed. `STORE_UNAVAILABLE` - the server cannot be
 *   reached just now: run it again.
 */
export async function migrate(pool: PostgresPool, options: PostgresSchemaOptions = {}): Promise<void> {
  checkPool('migrate', 'pool', pool)
  checkPlace('migrate', options)
  const sql = migrationSql(options)
  const client = await pool.connect().catch((error: unknown) => {
    throw translateError(error)
  })
  let failed = true
  // A client without a listener for it would end the process when the server goes away.
  const ignore = (): void => {}
  client.on('error', ignore)
  try {
    await client.query({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED' })
    await client.query({ text: sql })
    await client.query({ text: 'COMMIT' })
    failed = false
  } catch (error) {
    throw translateError(error)
  } finally {
    // Ending the connection undoes whatever was begun on it.
    if (!failed) client.removeListener('error', ignore)
    client.release(failed)
  }
}
