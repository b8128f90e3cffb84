import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { StoreAddress, StoreKind } from './open-store.js'

/** The server that the store stands on, where it has one. */
export interface StoreHost {
  readonly address: StoreAddress
  /** Stops it, and starts it again after `awayMs`; `crash`: by force. `undefined`: there is no server. */
  readonly restart: ((how: { crash: boolean; awayMs: number }) => Promise<void>) | undefined
  close(): Promise<void>
}

export async function hostStore(kind: StoreKind, folder: string): Promise<StoreHost> {
  const escrow = join(folder, 'escrow.db')
  switch (kind) {
    case 'sqlite': {
      const data = join(folder, 'store')
      mkdirSync(data, { mode: 0o700 })
      return {
        address: { kind, path: join(data, 'tokens.db') },
        restart: undefined,
        close: async () => {},
      }
    }
    case 'redis':
      return (await import('./redis-host.js')).hostRedis(escrow)
    case 'postgres':
      return (await import('./postgres-host.js')).hostPostgres(escrow)
  }
}
