import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'

/** A PostgreSQL server of the test's own, on a free port, in a folder that goes away with it. */
export interface PostgresServer {
  readonly port: number
  readonly connection: pg.PoolConfig
  /** Its version, such as `15.10`. */
  readonly version: string
  /** Stops it: `smart` waits for clients a moment, `immediate` is what a crash looks like. */
  stop(how?: 'smart' | 'fast' | 'immediate'): Promise<void>
  /** Starts it again on the same port and data. `standby`: it takes no writes until the next start. */
  start(options?: { readonly standby?: boolean }): Promise<void>
  /** Stops it for good and removes its folder. */
  remove(): Promise<void>
}

const homebrew = '/opt/homebrew/opt'

function folders(): string[] {
  const versions = (root: string, tail: string): string[] =>
    existsSync(root)
      ? readdirSync(root)
          .sort((a, b) => Number(/\d+/.exec(b)?.[0] ?? 0) - Number(/\d+/.exec(a)?.[0] ?? 0))
          .map((name) => join(root, name, tail))
      : []
  const named = process.env.POSTGRES_BIN === undefined ? [] : [process.env.POSTGRES_BIN]
  const brewed = versions(homebrew, 'bin').filter((folder) => folder.includes('postgresql'))
  const onPath = (process.env.PATH ?? '').split(':')
  return [...named, ...versions('/usr/lib/postgresql', 'bin'), ...onPath, ...brewed, '/usr/local/pgsql/bin']
}

/** Where `initdb` and `postgres` are: `$POSTGRES_BIN`, Debian's folder, PATH, Homebrew. */
function findBinaries(): string | undefined {
  return folders().find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))))
}

const howToGet =
  'Install it (Debian: apt-get install -y postgresql) or set POSTGRES_BIN to the folder of initdb.'

export const noServer: string = `store-postgres: no PostgreSQL server found; its tests cannot run. ${howToGet}`

/**
 * Whether there is a PostgreSQL to test with. With CI set a missing one is an error, so that nobody takes
 * skipped tests for passed ones; otherwise it says loudly what is skipped.
 */
export const postgresIsThere: boolean = ((): boolean => {
  if (findBinaries() !== undefined) return true
  if (process.env.CI) throw new Error(noServer)
  return false
})()

/** As root it refuses to run, so it runs as its own account, or as nobody. */
function account(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = ['postgres:', 'nobody:'].flatMap((name) => lines.filter((each) => each.startsWith(name)))[0]
  const [, , uid, gid] = (line ?? 'nobody:x:65534:65534').split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

/** A free port below those that the system gives to outgoing connections: it stays free during a restart. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const probe = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => probe.close(resolve))
    return port
  }
}

const watchdog = `
  const { readFileSync, rmSync } = require('node:fs')
  const folder = process.argv[1]
  process.stdin.resume()
  process.stdin.on('close', () => {
    try {
      process.kill(Number(readFileSync(folder + '/data/postmaster.pid', 'utf8').split('\\n')[0]), 'SIGQUIT')
    } catch {} // It has stopped, or was never started.
    setTimeout(() => rmSync(folder, { recursive: true, force: true }), 500)
  })`

/** Kills the server and removes the folder when this process goes away, however it does. */
function guard(folder: string): ChildProcess {
  const dog = spawn(process.execPath, ['-e', watchdog, folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  })
  dog.unref()
  ;(dog.stdin as unknown as { unref(): void }).unref()
  return dog
}

const settings = [
  'fsync=off',
  'full_page_writes=off',
  'synchronous_commit=off',
  'listen_addresses=127.0.0.1',
  'max_connections=120',
  'shared_buffers=32MB',
  'log_min_messages=fatal',
]

/** Makes a database cluster and starts it: about 0.7 s. */
export async function startPostgres(extraSettings: readonly string[] = []): Promise<PostgresServer> {
  const binaries = findBinaries()
  if (binaries === undefined) throw new Error(howToGet)
  const owner = account()
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-postgres-'))
  const data = join(folder, 'data')
  chmodSync(folder, 0o700)
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const dog = guard(folder)
  const spawned = { cwd: folder, env: { PATH: dirname(process.execPath), LC_ALL: 'C' }, ...owner }
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--no-locale', '-E', 'UTF8'],
    { ...spawned, stdio: 'pipe' },
  )
  const port = await freePort()
  const connection: pg.PoolConfig = { host: '127.0.0.1', port, user: 'postgres', database: 'postgres' }
  let server: ChildProcess | undefined
  const standbySignal = join(data, 'standby.signal')

  async function answers(): Promise<string> {
    const client = new pg.Client(connection)
    client.on('error', () => {})
    try {
      await client.connect()
      const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
      return rows[0]?.server_version.split(' ')[0] ?? ''
    } finally {
      await client.end().catch(() => {})
    }
  }

  async function start({ standby = false } = {}): Promise<string> {
    if (standby) writeFileSync(standbySignal, '')
    else rmSync(standbySignal, { force: true })
    const flags = [...settings, ...extraSettings].flatMap((setting) => ['-c', setting])
    const args = ['-D', data, '-p', String(port), '-k', folder, ...flags]
    const log = openSync(join(folder, 'log'), 'a')
    const child = spawn(join(binaries ?? '', 'postgres'), args, { ...spawned, stdio: ['ignore', log, log] })
    closeSync(log)
    server = child
    for (;;) {
      try {
        return await answers()
      } catch {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`postgres did not start: ${readFileSync(join(folder, 'log'), 'utf8')}`)
        }
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }

  const signals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const
  async function stop(how: keyof typeof signals = 'smart'): Promise<void> {
    const child = server
    server = undefined
    if (child === undefined || child.exitCode !== null) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signals[how])
    const impatient = setTimeout(() => child.kill('SIGINT'), 1_500)
    await gone
    clearTimeout(impatient)
  }

  const version = await start()
  return {
    port,
    connection,
    version,
    stop,
    async start(options) {
      await start(options)
    },
    async remove() {
      await stop()
      dog.stdin?.end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
