import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { StoreAddress, StoreKind } from './open-store.js'
import type { SafetyNet } from './safety-net.js'

/** The server that the store stands on, where it has one. */
export interface StoreHost {
  readonly address: StoreAddress
  /** Stops it, and starts it again after `awayMs`; `crash`: by force. `undefined`: there is no server. */
  readonly restart: ((how: { crash: boolean; awayMs: number }) => Promise<void>) | undefined
  close(): Promise<void>
}

export async function hostStore(kind: StoreKind, folder: string, net: SafetyNet): Promise<StoreHost> {
  const escrow = join(folder, 'escrow.db')
  const data = join(folder, 'store')
  mkdirSync(data, { mode: 0o700 })
  switch (kind) {
    case 'sqlite':
      return {
        address: { kind, path: join(data, 'tokens.db') },
        restart: undefined,
        close: async () => {},
      }
    case 'redis':
      return (await import('./redis-host.js')).hostRedis(data, escrow, net)
    case 'postgres':
      return (await import('./postgres-host.js')).hostPostgres(escrow)
  }
}
