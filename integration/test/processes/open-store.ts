import type { TokenStore } from '@evergrant/core'
import { postgresStore } from '@evergrant/store-postgres'
import { nodeRedisStore } from '@evergrant/store-redis'
import { sqliteStore } from '@evergrant/store-sqlite'
import pg from 'pg'
import { createClient } from 'redis'

/** Which store a process opens; crosses process boundaries as JSON. */
export type StoreAddress =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'redis'; readonly url: string }
  | { readonly kind: 'postgres'; readonly connection: pg.PoolConfig }

export interface OpenStore {
  readonly store: TokenStore
  close(): Promise<void>
}

/** Opens it with a client of this process's own, as an application would. */
export async function openStore(address: StoreAddress): Promise<OpenStore> {
  switch (address.kind) {
    case 'sqlite': {
      const store = sqliteStore({ path: address.path })
      return { store, close: () => store.close() }
    }
    case 'redis': {
      const client = createClient({ url: address.url })
      client.on('error', () => {}) // The store says what an application needs to know of it.
      await client.connect()
      const store = nodeRedisStore({ client })
      return {
        store,
        close: async () => client.destroy(),
      }
    }
    case 'postgres': {
      const pool = new pg.Pool(address.connection)
      pool.on('error', () => {}) // As above: an idle connection that went away.
      const store = postgresStore({ pool })
      return {
        store,
        async close() {
          await store.close()
          await pool.end()
        },
      }
    }
  }
}
