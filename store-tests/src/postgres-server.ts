import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { freePort } from './free-port.js'
import { noPostgres, postgresPrograms } from './postgres-programs.js'
import { safetyNet } from './safety-net.js'

/** A PostgreSQL of the test's own, on a free port of the loopback interface, in a folder that goes away with it. */
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

/** As root it refuses to run, so it runs as its own account, or as nobody. */
function account(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = ['postgres:', 'nobody:'].flatMap((name) => lines.filter((each) => each.startsWith(name)))[0]
  const [, , uid, gid] = (line ?? 'nobody:x:65534:65534').split(':')
  return { uid: Number(uid), gid: Number(gid) }
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

const signals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const

/** The version of whoever answers there. */
async function versionOn(connection: pg.PoolConfig): Promise<string> {
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

/** Makes a database cluster and starts it: about 0.7 s. */
export async function startPostgres(extraSettings: readonly string[] = []): Promise<PostgresServer> {
  const programs = postgresPrograms
  if (programs === undefined) throw new Error(noPostgres)
  const owner = account()
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-postgres-'))
  safetyNet.folder(folder)
  const data = join(folder, 'data')
  chmodSync(folder, 0o700)
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const spawned = { cwd: folder, env: { PATH: dirname(process.execPath), LC_ALL: 'C' }, ...owner }
  execFileSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--no-locale', '-E', 'UTF8'],
    { ...spawned, stdio: 'pipe' },
  )
  const port = await freePort()
  const connection: pg.PoolConfig = { host: '127.0.0.1', port, user: 'postgres', database: 'postgres' }
  const flags = [...settings, ...extraSettings].flatMap((setting) => ['-c', setting])
  const args = ['-D', data, '-p', String(port), '-k', folder, ...flags]
  const standbySignal = join(data, 'standby.signal')
  let server: ChildProcess | undefined

  async function start({ standby = false } = {}): Promise<string> {
    if (standby) writeFileSync(standbySignal, '')
    else rmSync(standbySignal, { force: true })
    const log = openSync(join(folder, 'log'), 'a')
    const child = spawn(join(programs as string, 'postgres'), args, {
      ...spawned,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    server = child
    safetyNet.started(child.pid, signals.immediate)
    child.once('exit', () => safetyNet.ended(child.pid))
    for (;;) {
      try {
        return await versionOn(connection)
      } catch {
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`postgres did not start: ${readFileSync(join(folder, 'log'), 'utf8')}`)
        }
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }

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
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
