import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { plannedStatements } from '../../packages/store-sqlite/src/grant-rows.js'
import { migrate } from '../../packages/store-sqlite/src/schema.js'
import type { FilledStore, StoreMaker } from './filled-store.js'
import { dueTimesFrom, ID_DIGITS, PROVIDER, SCATTER, secretPieces } from './made-up-grants.js'
import { openStore } from './open-store.js'
import type { QueryPlan } from './query-plan.js'

/** Rows as `grant-rows.ts` of the store writes them. */
const insertGrants = `
  WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :grants)
  INSERT INTO grants (provider, grant_id, chain, generation, secret, expires_at_ms, renew_at_ms, state, attempts,
    sends, committed_at_ms, holders)
  SELECT :provider, printf('grant-%0${ID_DIGITS}d', n), lower(hex(randomblob(16))), 1,
    :head || lower(hex(randomblob(32))) || :middle || lower(hex(randomblob(32))) || :tail,
    due + :graceMs, due, 'live', '[]', 0, :nowMs, '{}'
  FROM (
    SELECT n, CAST(:firstMs + (n * ${SCATTER} % :grants) * :spreadMs / :grants AS INTEGER) AS due FROM numbers
  )`

function makeFile(path: string, grants: number): void {
  const nowMs = Date.now()
  const [head, middle, tail] = secretPieces
  const db = new Database(path)
  // Whatever happens, the folder is thrown away: this transaction needs no journal.
  db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -256000')
  migrate(db, path)
  db.prepare(insertGrants).run({
    provider: PROVIDER,
    grants,
    nowMs,
    head,
    middle,
    tail,
    ...dueTimesFrom(nowMs),
  })
  db.exec('PRAGMA journal_mode = WAL')
  db.close()
  // What is still on its way to the disk would slow down the commits that are measured.
  const file = openSync(path, 'r')
  fsyncSync(file)
  closeSync(file)
}

/** Files in a folder of this run's own. */
export function makeSqlite(): StoreMaker {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-bench-'))
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true })
  process.on('exit', removeFolder)

  return {
    setting: `SQLite file in ${tmpdir()}, WAL, synchronous = FULL`,

    async fill(grants) {
      const path = join(folder, `${grants}.db`)
      makeFile(path, grants)
      const address = { kind: 'sqlite', path } as const
      return { grants, address, bytes: statSync(path).size, ...openStore(address) }
    },

    async plansOf({ address }: FilledStore): Promise<readonly QueryPlan[]> {
      if (address.kind !== 'sqlite') return []
      const db = new Database(address.path)
      const plans = plannedStatements.map((sql) => {
        const places = Array((sql.match(/\?\d?/g) ?? []).length).fill(1)
        const rows = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(places) as { detail: string }[]
        return { of: sql.replace(/\s+/g, ' '), plan: rows.map(({ detail }) => detail).join('\n') }
      })
      db.close()
      return plans
    },

    async close() {
      process.off('exit', removeFolder)
      removeFolder()
    },
  }
}
