export { migrate } from './migrate.js'
export type { PostgresSchemaOptions, PostgresStoreOptions } from './options.js'
export type {
  PostgresClient,
  PostgresNotification,
  PostgresPool,
  PostgresStatement,
} from './pg-like.js'
export { type PostgresStore, postgresStore, type WatchedPostgresStore } from './postgres-store.js'
export { migrationSql } from './schema.js'
