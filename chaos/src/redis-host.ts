import { setTimeout as pause } from 'node:timers/promises'
import { startRedis } from '@evergrant/store-tests/redis-server'
import type { StoreHost } from './store-host.js'

/** A Redis of this run's own, as Evergrant asks of one that must not forget: a write is on the disk before its answer. */
export async function hostRedis(escrow: string): Promise<StoreHost> {
  const server = await startRedis({ persistence: 'always', detached: true })
  return {
    address: { kind: 'redis', url: server.url, escrow },
    async restart({ crash, awayMs }) {
      await (crash ? server.kill() : server.stop())
      await pause(awayMs)
      await server.start()
    },
    close: () => server.remove(),
  }
}
