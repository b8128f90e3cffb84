import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { noRedis, redisProgram } from './redis-program.js'
import { safetyNet } from './safety-net.js'

/** What of the data survives the server, as the README of the store names it. */
export type Persistence = 'none' | 'rdb' | 'everysec' | 'always'

/** A Redis of the test's own, on a free port of the loopback interface, in a folder that goes away with it. */
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
  /** Stops it for good and removes its folder. */
  remove(): Promise<void>
  /** Sends one command on a connection of its own; answers the raw reply. */
  command(...words: string[]): Promise<string>
}

const settings: Readonly<Record<Persistence, readonly string[]>> = {
  none: ['--save', '', '--appendonly', 'no'],
  rdb: ['--save', '3600 1', '--appendonly', 'no'],
  everysec: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'],
  always: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
}

function ask(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
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

async function untilReady(port: number, server: ChildProcess): Promise<void> {
  const givenUpAtMs = performance.now() + 10_000
  for (;;) {
    const reply = await ask(port, 'PING\r\n').catch(() => '')
    if (reply.startsWith('+PONG')) return
    if (performance.now() > givenUpAtMs || hasEnded(server)) throw new Error('redis-server does not come up')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null
const quote = (word: string): string => `$${Buffer.byteLength(word)}\r\n${word}\r\n`

const servers = new Set<RedisServer>()

/** Removes those of this process that are left. */
export async function removeEveryRedis(): Promise<void> {
  await Promise.all([...servers].map((server) => server.remove()))
}

export interface RedisOptions {
  /** Unless it is said, the server forgets everything with its end. */
  readonly persistence?: Persistence
  readonly args?: readonly string[]
  /**
   * A Ctrl-C in the terminal reaches the process that started it alone, which ends in its own order. Not for tests that
   * hold it to milliseconds: Linux shares a busy machine out among sessions, and it would wait for its own's turn.
   */
  readonly detached?: boolean
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const program = redisProgram
  if (program === undefined) throw new Error(noRedis)
  const { persistence = 'none', args = [], detached = false } = options
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-redis-'))
  safetyNet.folder(folder)
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--loglevel', 'warning']
    const server = spawn(program as string, [...place, ...settings[persistence], ...args], {
      stdio: 'ignore',
      detached,
    })
    child = server
    safetyNet.started(server.pid)
    server.once('exit', () => safetyNet.ended(server.pid))
    await untilReady(port, server)
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const server = child
    child = undefined
    if (!server || hasEnded(server)) return
    const exited = once(server, 'exit')
    server.kill(signal)
    await exited
  }

  const server: RedisServer = {
    port,
    url: `redis://127.0.0.1:${port}`,
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async remove() {
      servers.delete(server)
      await end('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
    command: (...words) => ask(port, `*${words.length}\r\n${words.map(quote).join('')}`),
  }
  servers.add(server)
  await start()
  return server
}
