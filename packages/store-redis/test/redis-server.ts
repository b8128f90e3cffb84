import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect as netConnect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'

/** What of the data survives the server, as the README names it. */
export type Persistence = 'none' | 'rdb' | 'everysec' | 'always'

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Ends it in its own time, which saves what its settings say. */
  stop(): Promise<void>
  /** SIGKILL, as a crash. */
  kill(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  freeze(): void
  thaw(): void
  /** Starts it again on the same port and folder, after `stop` or `kill`. */
  start(): Promise<void>
  /** Sends one inline command on a connection of its own; answers the raw reply. */
  command(...words: string[]): Promise<string>
}

const settings: Readonly<Record<Persistence, readonly string[]>> = {
  none: ['--save', '', '--appendonly', 'no'],
  rdb: ['--save', '3600 1', '--appendonly', 'no'],
  everysec: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'],
  always: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
}

function findBinary(): string | undefined {
  const names = [
    process.env.REDIS_SERVER,
    'redis-server',
    '/usr/bin/redis-server',
    '/opt/homebrew/bin/redis-server',
  ]
  return names.find((name) => name && spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0)
}

const binary = findBinary()

const missing =
  'redis-server is missing. Debian, Ubuntu: apt-get install -y redis-server; macOS: brew install redis; or name it in REDIS_SERVER.'

/** As `describe`, and ends the servers that its tests have started; without a server the tests fail where CI is set, and are skipped loudly elsewhere. */
export function describeWithRedis(name: string, tests: () => void): void {
  if (binary !== undefined) {
    describe(name, () => {
      afterAll(stopAll)
      tests()
    })
    return
  }
  if (process.env.CI) {
    it(`${name} needs a server`, () => {
      throw new Error(missing)
    })
    return
  }
  describe.skip(`${name} (NOT TESTED: ${missing})`, tests)
  process.stderr.write(`\n!!! store-redis: '${name}' is NOT TESTED here: ${missing}\n\n`)
}

const running = new Set<ChildProcess>()
const folders: string[] = []

/** Kills the servers of this process when it is gone, however it went. */
let watchdog: ChildProcess | undefined
const watchdogProgram = `
  const pids = new Set(), folders = []
  let text = ''
  process.stdin.on('data', (chunk) => {
    text += chunk
    const lines = text.split('\\n')
    text = lines.pop()
    for (const line of lines) {
      const [kind, value] = JSON.parse(line)
      if (kind === 'started') pids.add(value)
      if (kind === 'ended') pids.delete(value)
      if (kind === 'folder') folders.push(value)
    }
  })
  process.stdin.on('end', () => {
    for (const pid of pids) try { process.kill(pid, 'SIGKILL') } catch {}
    for (const folder of folders) require('node:fs').rmSync(folder, { recursive: true, force: true })
    process.exit()
  })`

function tellWatchdog(kind: 'started' | 'ended' | 'folder', value: number | string): void {
  if (!watchdog) {
    const stdio = ['pipe', 'ignore', 'ignore'] as const
    watchdog = spawn(process.execPath, ['-e', watchdogProgram], { detached: true, stdio: [...stdio] })
    watchdog.unref()
    ;(watchdog.stdin as unknown as { unref(): void }).unref()
  }
  watchdog.stdin?.write(`${JSON.stringify([kind, value])}\n`)
}

/** Ends every server that is left. */
async function stopAll(): Promise<void> {
  const ends = [...running].map(async (server) => {
    server.kill('SIGKILL')
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
  })
  await Promise.all(ends)
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function ask(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = netConnect(port, '127.0.0.1', () => socket.write(text))
    let reply = ''
    socket.on('data', (chunk) => {
      reply += chunk.toString()
      // Enough for the replies that tests ask for: one line, or one bulk string.
      const bulk = /^\$(\d+)\r\n/.exec(reply)
      if (bulk ? reply.length >= Number(bulk[1]) + bulk[0].length + 2 : reply.endsWith('\r\n')) {
        socket.destroy()
        resolve(reply)
      }
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed')))
  })
}

async function untilReady(port: number): Promise<void> {
  const givenUpAtMs = performance.now() + 10_000
  for (;;) {
    try {
      if ((await ask(port, 'PING\r\n')).startsWith('+PONG')) return
    } catch (error) {
      if (performance.now() > givenUpAtMs) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const quote = (word: string): string => `$${Buffer.byteLength(word)}\r\n${word}\r\n`

/** Starts a server of its own on a free port of the loopback interface. */
export async function startRedis(
  options: { readonly persistence?: Persistence; readonly args?: readonly string[] } = {},
): Promise<RedisServer> {
  if (binary === undefined) throw new Error(missing)
  const { persistence = 'none', args = [] } = options
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-redis-'))
  folders.push(folder)
  tellWatchdog('folder', folder)
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--loglevel', 'warning']
    const server = spawn(binary ?? '', [...place, ...settings[persistence], ...args], { stdio: 'ignore' })
    child = server
    running.add(server)
    if (server.pid !== undefined) tellWatchdog('started', server.pid)
    server.once('exit', () => {
      running.delete(server)
      if (server.pid !== undefined) tellWatchdog('ended', server.pid)
    })
    await untilReady(port)
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const server = child
    child = undefined
    if (!server || !existsSync(folder)) return
    const exited = once(server, 'exit')
    server.kill(signal)
    await exited
  }

  await start()
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    command: (...words) => ask(port, `*${words.length}\r\n${words.map(quote).join('')}`),
  }
}

/** Starts a cluster of three primaries; resolves when all of them know that it is complete. */
export async function startCluster(): Promise<readonly RedisServer[]> {
  const nodes = await Promise.all(
    [0, 1, 2].map(async () => {
      const bus = await freePort()
      const args = [
        '--cluster-enabled',
        'yes',
        '--cluster-port',
        String(bus),
        '--cluster-node-timeout',
        '2000',
      ]
      return { bus, server: await startRedis({ args }) }
    }),
  )
  const [first] = nodes
  for (const [i, { server }] of nodes.entries()) {
    const from = Math.floor((16_384 * i) / 3)
    const to = Math.floor((16_384 * (i + 1)) / 3) - 1
    await server.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(i + 1))
    if (first && i > 0) {
      await server.command('CLUSTER', 'MEET', '127.0.0.1', String(first.server.port), String(first.bus))
    }
  }
  for (const { server } of nodes) {
    const isComplete = async (): Promise<boolean> => {
      const info = await server.command('CLUSTER', 'INFO')
      return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3')
    }
    const givenUpAtMs = performance.now() + 15_000
    while (!(await isComplete())) {
      if (performance.now() > givenUpAtMs) throw new Error('the cluster does not come up')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  return nodes.map(({ server }) => server)
}
