import { freePort } from './free-port.js'
import { type RedisServer, startRedis } from './redis-server.js'

const NODES = 3
const SLOTS = 16_384
const COMPLETE_WITHIN_MS = 15_000

interface Node {
  readonly server: RedisServer
  readonly bus: number
}

async function startNode(): Promise<Node> {
  const bus = await freePort()
  // The bus would be at the port of the server and 10 000, which may be in use.
  const place = ['--cluster-enabled', 'yes', '--cluster-port', String(bus)]
  return { bus, server: await startRedis({ args: [...place, '--cluster-node-timeout', '2000'] }) }
}

async function untilComplete({ server }: Node): Promise<void> {
  const givenUpAtMs = performance.now() + COMPLETE_WITHIN_MS
  for (;;) {
    const info = await server.command('CLUSTER', 'INFO')
    if (info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${NODES}`)) return
    if (performance.now() > givenUpAtMs) throw new Error('the cluster does not come up')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Starts a cluster of three primaries; resolves when all of them know that it is complete. */
export async function startCluster(): Promise<readonly RedisServer[]> {
  const nodes = await Promise.all(Array.from({ length: NODES }, startNode))
  const [first] = nodes
  for (const [i, { server }] of nodes.entries()) {
    const from = Math.floor((SLOTS * i) / NODES)
    const to = Math.floor((SLOTS * (i + 1)) / NODES) - 1
    await server.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1))
    if (first && i > 0) {
      await server.command('CLUSTER', 'MEET', '127.0.0.1', String(first.server.port), String(first.bus))
    }
  }
  for (const node of nodes) await untilComplete(node)
  return nodes.map(({ server }) => server)
}
