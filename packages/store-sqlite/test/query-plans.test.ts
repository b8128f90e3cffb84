import Database from 'libsql'
import { expect, it } from 'vitest'
import { plannedStatements } from '../src/grant-rows.js'
import { sqliteStore } from '../src/index.js'
import { freshPath } from './database-folder.js'

it('finds grants by index, whatever their number, and sorts none', async () => {
  const path = freshPath()
  const store = sqliteStore({ path })
  await store.load({ provider: 'p', grantId: 'g' })
  const db = new Database(path)
  for (const sql of plannedStatements) {
    const parameters = (sql.match(/\?\d?/g) ?? []).length
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(Array(parameters).fill(1)) as {
      detail: string
    }[]
    expect(plan.length, sql).toBe(1)
    expect(plan[0]?.detail).toMatch(
      /^SEARCH grants USING INDEX (grants_due|sqlite_autoindex_grants_1) \(provider=\?/,
    )
  }
  db.close()
  await store.close()
})
