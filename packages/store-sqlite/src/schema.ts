import type Database from 'libsql'
import { unusableFile } from './driver-errors.js'

/** Version of the tables below, kept in `user_version`. */
const schemaVersion = 1

/** "EVGR": says whose database this is, so that no other application's file is ever touched. */
const applicationId = 0x45564752

/** One entry per version: what turns the version before it into this one. */
const migrations: readonly string[] = [
  `
  CREATE TABLE grants (
    provider         TEXT NOT NULL COLLATE BINARY,
    grant_id         TEXT NOT NULL COLLATE BINARY,
    chain            TEXT NOT NULL,
    generation       INTEGER NOT NULL,
    secret           TEXT NOT NULL, -- a JSON string: SQLite text ends at a NUL, secrets need not
    expires_at_ms    INTEGER,
    renew_at_ms      INTEGER,
    state            TEXT NOT NULL,
    reason           TEXT,
    attempts         TEXT NOT NULL, -- JSON
    sends            INTEGER NOT NULL,
    committed_at_ms  INTEGER NOT NULL,
    lease_attempt    TEXT,
    lease_until_ms   INTEGER,
    lease_since_ms   INTEGER,
    holders          TEXT NOT NULL, -- JSON: which process made the lease and each attempt
    committed_by     TEXT,
    claimed_until_ms INTEGER,
    PRIMARY KEY (provider, grant_id)
  );
  CREATE INDEX grants_due ON grants (provider, max(renew_at_ms, coalesce(claimed_until_ms, 0)))
    WHERE state = 'live' AND renew_at_ms IS NOT NULL;
  CREATE TABLE budgets (
    bucket           TEXT NOT NULL PRIMARY KEY COLLATE BINARY,
    slots            TEXT NOT NULL, -- JSON
    demands          TEXT NOT NULL, -- JSON
    blocked_until_ms INTEGER NOT NULL
  );
  `,
]

function readNumber(db: Database.Database, sql: string): number {
  const [row] = db.prepare(sql).all() as Record<string, number>[]
  return Object.values(row ?? {})[0] ?? 0
}

function readSchemaVersion(db: Database.Database): number {
  return readNumber(db, 'PRAGMA user_version')
}

/** Refuses a newer schema and other applications' databases, before anything is changed. */
function assertOurs(db: Database.Database, path: string): void {
  const version = readSchemaVersion(db)
  const application = readNumber(db, 'PRAGMA application_id')
  const blank = version === 0 && readNumber(db, 'SELECT count(*) FROM sqlite_schema') === 0
  if (application !== applicationId && !blank) {
    throw unusableFile(path, "is another application's database. Name another file.", 'FOREIGN_DATABASE')
  }
  assertKnownVersion(version, path)
}

/** Refuses a schema that this version cannot know. */
export function assertKnownVersion(version: number, path: string): void {
  if (version <= schemaVersion) return
  const problem = `was written by a newer @evergrant/store-sqlite (schema ${version}, known here: ${schemaVersion}). Upgrade the package.`
  throw unusableFile(path, problem, 'NEWER_SCHEMA')
}

/** Creates or migrates the tables. Must run inside a write transaction, so of many processes one does it. */
export function migrate(db: Database.Database, path: string): void {
  assertOurs(db, path)
  const from = readSchemaVersion(db)
  if (from === schemaVersion) return
  for (const migration of migrations.slice(from)) db.exec(migration)
  db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion};`)
}
