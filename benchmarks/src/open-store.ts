import type { TokenStore } from '@evergrant/core'
import { postgresStore } from '@evergrant/store-postgres'
import { sqliteStore } from '@evergrant/store-sqlite'
import pg from 'pg'

export type StoreKind = 'sqlite' | 'postgres'

/** Where a store is; plain data, for another process opens it too. */
export type StoreAddress =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly port: number; readonly schema: string }

export interface OpenedStore {
  readonly store: TokenStore
  close(): Promise<void>
}

/** `settings` are of PostgreSQL and hold for the connections of this store. */
export const poolOn = (port: number, settings: readonly string[] = [], max = 8): pg.Pool =>
  new pg.Pool({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    max,
    ...(settings.length > 0 && { options: settings.map((each) => `-c ${each}`).join(' ') }),
  })

export function openStore(address: StoreAddress): OpenedStore {
  if (address.kind === 'sqlite') {
    const store = sqliteStore({ path: address.path })
    return { store, close: () => store.close() }
  }
  const pool = poolOn(address.port)
  const store = postgresStore({ pool, schema: address.schema })
  return {
    store,
    async close() {
      await store.close()
      await pool.end()
    },
  }
}
