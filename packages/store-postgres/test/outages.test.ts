import { createServer, type Socket } from 'node:net'
import { inspect } from 'node:util'
import { type GrantLink, isEvergrantError } from '@evergrant/core'
import { postgresIsThere } from '@evergrant/store-tests/postgres-programs'
import { type PostgresServer, startPostgres } from '@evergrant/store-tests/postgres-server'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate, postgresStore, type WatchedPostgresStore } from '../src/index.js'

const pair = { secret: 'fixture-secret', expiresAtMs: null, renewAtMs: null }
const link = { provider: 'p', grantId: 'g', chain: 'c', generation: 1 } as const

/** A watcher that remembers. */
function ear() {
  const heard: GrantLink[] = []
  const counts = { gaps: 0 }
  const watcher = {
    changed: (changed: GrantLink) => void heard.push(changed),
    gap: () => {
      counts.gaps++
    },
  }
  return { heard, counts, watcher }
}

async function failure(step: Promise<unknown>) {
  const error = await step.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isEvergrantError(error)) throw new Error(`not one of ours: ${inspect(error)}`)
  expect(inspect(error) + JSON.stringify(error)).not.toContain('fixture-secret')
  expect(error.cause).toBeUndefined()
  return error
}

describe.skipIf(!postgresIsThere)('a server that goes away', () => {
  let server: PostgresServer
  let pool: pg.Pool
  let store: WatchedPostgresStore
  const newPool = (config: pg.PoolConfig = {}): pg.Pool => {
    const made = new pg.Pool({ ...server.connection, ...config })
    made.on('error', () => {})
    return made
  }

  beforeAll(async () => {
    server = await startPostgres()
    pool = newPool({ max: 4 })
    await migrate(pool)
    store = postgresStore({ pool })
    await store.save({ ...link, ...pair })
  })
  afterAll(async () => {
    await store.close()
    await pool.end()
    await server.remove()
  })

  it('LISTEN comes back after its backend was terminated, and says that notices may be missing', async () => {
    const { heard, counts, watcher } = ear()
    const stop = await store.watch(watcher)
    await pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()`,
    )
    await expect.poll(() => counts.gaps, { timeout: 3_000 }).toBe(1)
    await store.save({ ...link, ...pair, chain: 'after-the-gap' })
    await expect.poll(() => heard.map(({ chain }) => chain)).toContain('after-the-gap')
    await stop()
  })

  it('steps reject while it is down and work again when it is back, with the same objects', async () => {
    const { heard, counts, watcher } = ear()
    const stop = await store.watch(watcher)
    await store.save({ ...link, ...pair, chain: 'before' })
    await server.stop('fast')
    const down = await Promise.all([
      failure(store.load(link)),
      failure(store.commit({ ...link, chain: 'before', attempt: 'a', next: pair })),
      failure(store.penalize({ bucket: 'b', untilMs: 1 })),
    ])
    expect(down.map(({ code }) => code)).toEqual(down.map(() => 'STORE_UNAVAILABLE'))
    expect(await failure(store.load(link))).toMatchObject({ reason: 'ECONNREFUSED' })
    await server.start()
    await expect
      .poll(() => store.load(link).catch(() => undefined))
      .toMatchObject({ record: { chain: 'before' } })
    await expect.poll(() => counts.gaps, { timeout: 6_000 }).toBeGreaterThanOrEqual(1)
    const before = { ...link, chain: 'before' }
    expect((await store.commit({ ...before, attempt: 'a', next: pair })).status).toBe('committed')
    await expect.poll(() => heard.map(({ generation }) => generation)).toContain(2)
    await stop()
  })

  it('crashes in the middle of steps: each was stored or rejected, none both denied and told', async () => {
    const many = Array.from({ length: 40 }, (_, i) =>
      store.save({ ...link, ...pair, grantId: `crash-${i}` }).then(
        () => 'stored',
        (error: unknown) => (isEvergrantError(error, 'STORE_UNAVAILABLE') ? 'rejected' : inspect(error)),
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 4))
    await server.stop('immediate')
    const outcomes = await Promise.all(many)
    expect(outcomes.filter((outcome) => outcome !== 'stored' && outcome !== 'rejected')).toEqual([])
    await server.start()
    await expect
      .poll(() =>
        store.load(link).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true)
    for (const [i, outcome] of outcomes.entries()) {
      const { record } = await store.load({ provider: 'p', grantId: `crash-${i}` })
      if (outcome === 'stored') expect(record, `grant ${i}`).toBeDefined()
    }
  })

  it('a standby answers nothing: what it shows may be behind', async () => {
    await server.stop('fast')
    await server.start({ standby: true })
    await expect.poll(async () => (await failure(store.load(link))).reason, { timeout: 3_000 }).toBe('25006')
    const standby = { code: 'STORE_UNAVAILABLE', reason: '25006' }
    expect(await failure(store.save({ ...link, ...pair, chain: 'x' }))).toMatchObject(standby)
    expect(await failure(store.list({ provider: 'p', limit: 1 }))).toMatchObject(standby)
    await server.stop('fast')
    await server.start()
    await expect
      .poll(() =>
        store.load(link).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true)
  })

  it('a role that may only read answers 25006 as well', async () => {
    const readers = newPool({ options: '-c default_transaction_read_only=on' })
    const reader = postgresStore({ pool: readers })
    expect(await failure(reader.save({ ...link, ...pair, chain: 'y' }))).toMatchObject({ reason: '25006' })
    await reader.close()
    await readers.end()
  })

  it('limits of the server and of the pool become reasons', async () => {
    const holder = await pool.connect()
    await holder.query('BEGIN')
    await holder.query('SELECT FROM evergrant.grants FOR UPDATE')
    const cases: [pg.PoolConfig, number, string][] = [
      [{ options: '-c statement_timeout=30' }, 2_000, '57014'],
      [{ options: '-c lock_timeout=30' }, 2_000, '55P03'],
      [{}, 50, 'TIMEOUT'],
    ]
    for (const [config, stepTimeoutMs, reason] of cases) {
      const limited = newPool(config)
      const hasty = postgresStore({ pool: limited, stepTimeoutMs })
      const step = hasty.acquire({
        ...link,
        chain: 'before',
        generation: 2,
        attempt: 'x',
        ttlMs: 1,
        maxHoldMs: 1,
      })
      expect(await failure(step)).toMatchObject({ code: 'STORE_UNAVAILABLE', reason })
      await hasty.close()
      await limited.end()
    }
    await holder.query('ROLLBACK')
    holder.release()

    const busy = newPool({ max: 1, connectionTimeoutMillis: 30 })
    const taken = await busy.connect()
    const waiting = postgresStore({ pool: busy, listen: false })
    const noConnection = { code: 'STORE_UNAVAILABLE', reason: 'NO_CONNECTION' }
    expect(await failure(waiting.load(link))).toMatchObject(noConnection)
    taken.release()
    expect((await waiting.load(link)).nowMs).toBeGreaterThan(0)
    await busy.end()
    expect(await failure(waiting.load(link))).toMatchObject({ reason: 'POOL_ENDED' })
  })

  it('a server that takes the connection and says nothing is given up', async () => {
    const sockets = new Set<Socket>()
    const silent = createServer((socket) => sockets.add(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    const muted = newPool({ port })
    const waiting = postgresStore({ pool: muted, stepTimeoutMs: 40 })
    const stop = await waiting.watch(ear().watcher)
    expect(await failure(waiting.load(link))).toMatchObject({ reason: 'TIMEOUT' })
    await stop()
    await waiting.close()
    for (const socket of sockets) socket.destroy()
    await muted.end()
    silent.close()
  })

  it('watch() begun while it is away hears a gap when it is there', async () => {
    await server.stop('fast')
    const late = postgresStore({ pool })
    const { heard, counts, watcher } = ear()
    await late.watch(watcher)
    await server.start()
    await expect.poll(() => counts.gaps, { timeout: 6_000 }).toBe(1)
    await late.save({ ...link, ...pair, chain: 'z' })
    await expect.poll(() => heard.length).toBe(1)
    await late.close()
  })

  it('close() ends the listening connection, rejects later steps and may be repeated', async () => {
    const own = newPool()
    const closing = postgresStore({ pool: own })
    const { watcher, heard } = ear()
    await closing.watch(watcher)
    expect([own.totalCount, own.idleCount]).toEqual([1, 0])
    const begun = closing.save({ ...link, ...pair, chain: 'last' })
    await closing.close()
    await closing.close()
    expect(await begun).toMatchObject({ record: { chain: 'last' } })
    await expect(closing.load(link)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(closing.watch(watcher)).rejects.toMatchObject({ code: 'CLOSED' })
    await own.end()
    expect(heard.length).toBeLessThanOrEqual(1)
  })
})
