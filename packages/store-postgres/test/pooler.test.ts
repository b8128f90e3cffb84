import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@evergrant/store-tests/free-port'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate, postgresStore } from '../src/index.js'
import { serverIsThere, useDatabase } from './database.js'

const candidates = ['/usr/sbin', ...(process.env.PATH ?? '').split(':')].map((path) =>
  join(path, 'pgbouncer'),
)
const binary = [process.env.PGBOUNCER ?? '', ...candidates].find((path) => path !== '' && existsSync(path))
if (binary === undefined) {
  console.warn('\n!!! SKIPPED store-postgres through PgBouncer: not found. apt-get install -y pgbouncer\n')
}

const link = { provider: 'p', grantId: 'g', chain: 'c', generation: 1 } as const
const pair = { secret: 'nul \0 end', expiresAtMs: null, renewAtMs: 1 }

describe.skipIf(!serverIsThere || binary === undefined)('through PgBouncer, pooling transactions', () => {
  const database = useDatabase('empty')
  let folder = ''
  let bouncer: ChildProcess
  let port: number

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'evergrant-pgbouncer-'))
    port = await freePort()
    const { host, port: serverPort } = database.connection
    const lines = [
      '[databases]',
      `* = host=${String(host)} port=${String(serverPort)}`,
      '[pgbouncer]',
      `listen_port = ${port}`,
      'listen_addr = 127.0.0.1',
      'unix_socket_dir =',
      'auth_type = any',
      'pool_mode = transaction',
      'default_pool_size = 3',
    ]
    const config = join(folder, 'pgbouncer.ini')
    // `auth_type = any` takes its user from the line of the database.
    writeFileSync(config, lines.join('\n').replace('* = ', '* = user=postgres '))
    chmodSync(folder, 0o755)
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    bouncer = spawn(binary ?? '', [config], { ...nobody, stdio: 'ignore', cwd: folder })
    const probe = async (): Promise<boolean> => {
      const client = new pg.Client({ ...database.connection, port })
      client.on('error', () => {})
      try {
        await client.connect()
        await client.query('SELECT 1')
        return true
      } catch {
        return false
      } finally {
        await client.end().catch(() => {})
      }
    }
    while (!(await probe())) {
      if (bouncer.exitCode !== null) throw new Error('pgbouncer did not start')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
  afterAll(() => {
    bouncer?.kill('SIGINT')
    rmSync(folder, { recursive: true, force: true })
  })

  it('migrates, takes all steps from many connections, and listens around it', async () => {
    const pool = database.pool({ port, max: 10 })
    await Promise.all([migrate(pool), migrate(pool)])
    const direct = database.pool({ max: 1 })
    const store = postgresStore({ pool, listen: direct })
    const heard: string[] = []
    await store.watch({ changed: ({ chain, generation }) => void heard.push(chain + generation), gap() {} })

    await store.save({ ...link, ...pair })
    const lease = { ttlMs: 60_000, maxHoldMs: 60_000 }
    const asked = Array.from({ length: 50 }, (_, i) =>
      store.acquire({ ...link, ...lease, attempt: `a-${i}` }),
    )
    const answers = await Promise.all(asked)
    expect(answers.filter(({ status }) => status === 'acquired')).toHaveLength(1)
    const held = answers.find((answer) => answer.status === 'acquired')
    if (held === undefined) throw new Error('nobody got the lease')
    const attempt = `a-${answers.indexOf(held)}`
    const { heldSinceMs } = held
    expect((await store.arm({ ...link, attempt, ttlMs: 60_000, heldSinceMs })).status).toBe('armed')
    const window = { bucket: 'b', limit: 5, windowMs: 60_000, slotMs: 100, reserve: 0, waiting: 0 }
    const slots = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        store.takeBudget({ ...window, slot: `s-${i}`, priority: 'caller', member: 'm' }),
      ),
    )
    expect(slots.filter(({ status }) => status === 'granted')).toHaveLength(5)
    expect((await store.claimDue({ provider: 'p', beforeMs: 5, limit: 1, holdMs: 9 })).keys).toHaveLength(1)
    expect((await store.commit({ ...link, attempt, next: pair })).status).toBe('committed')
    expect((await store.load(link)).record?.secret).toBe(pair.secret)
    await expect.poll(() => heard).toEqual(['c1', 'c2'])
    expect((await store.remove(link)).record?.generation).toBe(2)
    await store.close()
  })
})
