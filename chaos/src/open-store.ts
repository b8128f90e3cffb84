import { escrowed, keyring, sealed, type TokenStore } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'

export type StoreKind = 'sqlite' | 'redis' | 'postgres'

/**
 * Where the store is; plain data, for every process opens it by itself. `escrow`: the machine's own file. `isSealed`:
 * shared store and escrow hold nothing but sealed secrets.
 */
export type StoreAddress = { readonly isSealed?: boolean } & (
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'redis'; readonly url: string; readonly escrow: string }
  | { readonly kind: 'postgres'; readonly port: number; readonly escrow: string }
)

export interface OpenedStore {
  readonly store: TokenStore
  /** Brings what dead processes of this machine left in escrow; 0 where there is none. */
  recover(): Promise<number>
  close(): Promise<void>
}

/** What looks on from between the layers. */
export interface Layers {
  readonly shared: (store: TokenStore) => TokenStore
  readonly escrow: (store: TokenStore) => TokenStore
}

const bare: Layers = { shared: (store) => store, escrow: (store) => store }

export type Opener = (address: StoreAddress, layers?: Layers) => OpenedStore

interface Remote {
  readonly store: TokenStore
  close(): Promise<void>
}

/** Two keys that every process knows. Half of the processes seal with the one, half with the other. */
const ring = keyring({
  current: `k${process.pid % 2}`,
  keys: [0, 1].map((n) => ({ kid: `k${n}`, key: new Uint8Array(32).fill(n + 1) })),
})

const kept = (store: TokenStore, { isSealed }: StoreAddress): TokenStore =>
  isSealed ? sealed(store, ring) : store

/** Losing a connection is what this program is about: clients reconnect by themselves and need no telling. */
const ignore = (): void => {}

/** Loads what this kind of store needs and nothing more: processes are started by the hundred here. */
export async function loadOpener(kind: StoreKind): Promise<Opener> {
  switch (kind) {
    case 'sqlite':
      return (address, layers = bare) => {
        const file = sqliteStore({ path: address.kind === kind ? address.path : '' })
        return {
          store: layers.shared(kept(file, address)),
          recover: async () => 0,
          close: () => file.close(),
        }
      }
    case 'redis': {
      const open = await loadRedis()
      return (address, layers) =>
        behindEscrow(open(address.kind === kind ? address.url : ''), address, layers)
    }
    case 'postgres': {
      const open = await loadPostgres()
      return (address, layers) =>
        behindEscrow(open(address.kind === kind ? address.port : 0), address, layers)
    }
  }
}

function behindEscrow(remote: Remote, address: StoreAddress, layers: Layers = bare): OpenedStore {
  const local = sqliteStore({ path: address.kind === 'sqlite' ? address.path : address.escrow })
  const store = escrowed(layers.shared(kept(remote.store, address)), layers.escrow(kept(local, address)))
  return {
    store,
    recover: () => store.recover(),
    async close() {
      await remote.close()
      await local.close()
    },
  }
}

async function loadRedis(): Promise<(url: string) => Remote> {
  const [{ createClient }, { nodeRedisStore }] = await Promise.all([
    import('redis'),
    import('@evergrant/store-redis'),
  ])
  return (url) => {
    const client = createClient({ url, socket: { reconnectStrategy: () => 20 } })
    client.on('error', ignore)
    client.connect().catch(ignore)
    return { store: nodeRedisStore({ client, commandTimeoutMs: 2_000 }), close: async () => client.destroy() }
  }
}

async function loadPostgres(): Promise<(port: number) => Remote> {
  const [{ default: pg }, { postgresStore }] = await Promise.all([
    import('pg'),
    import('@evergrant/store-postgres'),
  ])
  return (port) => {
    const place = { host: '127.0.0.1', port, user: 'postgres', database: 'postgres' }
    const pool = new pg.Pool({ ...place, max: 8 })
    pool.on('error', ignore)
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
