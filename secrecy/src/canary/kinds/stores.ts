import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { TokenStore } from '@evergrant/core'
import { migrate, postgresStore } from '@evergrant/store-postgres'
import { ioredisStore, nodeRedisStore } from '@evergrant/store-redis'
import { sqliteStore } from '@evergrant/store-sqlite'
import { type PostgresServer, startPostgres } from '@evergrant/store-tests/postgres-server'
import { startRedis } from '@evergrant/store-tests/redis-server'
import { Redis } from 'ioredis'
import pg from 'pg'
import { createClient } from 'redis'
import { issueTokens } from '../echo-server.js'
import type { Kind, Scene } from '../scene.js'
import { authorize, GRANT, openWorld } from '../world.js'

type Sabotage<T> = Readonly<Record<string, (given: T) => Promise<unknown>>>

/** Everything that reaches for the store, while it is broken. */
async function useBroken(scene: Scene, store: TokenStore, breakIt: () => Promise<unknown>): Promise<void> {
  const { server, tokens, manager } = await openWorld(scene, { store, timings: quick })
  const begun = await authorize(scene, tokens)
  server.answers.token = issueTokens(scene)
  await scene.ends(tokens.getAccessToken(GRANT, { forceRefresh: true }))
  await breakIt()
  // At once: some of them wait for the store as long as they may.
  const answers = [
    tokens.getAccessToken(GRANT, { forceRefresh: true }),
    manager().getAccessToken(GRANT),
    tokens.saveGrant('other', { access_token: scene.canaries.plant('access token') }),
    tokens.exchangeCode(GRANT, { ...begun, timeoutMs: 200 }),
    tokens.list(),
    tokens.revoke(GRANT),
  ]
  await Promise.all(answers.map((answer) => scene.ends(answer)))
}

const quick = {
  requestTimeoutMs: 300,
  leaseMs: 400,
  armedLeaseMs: 900,
  settleMs: 50,
  maxHoldMs: 2_000,
  storeTimeoutMs: 6_000,
  minRotationIntervalMs: 0,
}

const sqlite: Sabotage<{ path: string; store: ReturnType<typeof sqliteStore> }> = {
  'works, and is closed': ({ store }) => store.close(),
  'has its file overwritten': async ({ path }) => {
    for (const name of [path, `${path}-wal`]) writeFileSync(name, 'no database '.repeat(4_000))
  },
}

const sqliteKinds = Object.entries(sqlite).map(
  ([name, breakIt]): Kind => ({
    area: 'SQLite store',
    name,
    async run(scene) {
      // The one place where tokens lie on purpose, unless they are sealed.
      const path = join(scene.folder(/^tokens\.db(-wal|-shm)?$/), 'tokens.db')
      const store = sqliteStore({ path, busyTimeoutMs: 100 })
      scene.atEnd(() => store.close())
      await useBroken(scene, store, () => breakIt({ path, store }))
    },
  }),
)

const sqliteOpening: Kind = {
  area: 'SQLite store',
  name: 'cannot be opened',
  async run(scene) {
    const path = join(scene.folder(), 'tokens.db')
    writeFileSync(path, 'no database at all')
    const store = sqliteStore({ path })
    scene.atEnd(() => store.close())
    const reply = { access_token: scene.canaries.plant('access token') }
    await scene.fails(openWorld(scene, { store }).then(({ tokens }) => tokens.saveGrant('x', reply)))
  },
}

interface RedisScene {
  /** One command, on a connection of its own. */
  command(...words: string[]): Promise<unknown>
  restart: () => Promise<void>
  stop: () => Promise<void>
}

const redis: Sabotage<RedisScene> = {
  'is stopped': ({ stop }) => stop(),
  'is killed and comes back': ({ restart }) => restart(),
  'is out of memory': ({ command }) => command('CONFIG', 'SET', 'maxmemory', '1'),
  'is a replica': ({ command }) => command('REPLICAOF', '127.0.0.1', '1'),
  'wants a password': async ({ command }) => {
    await command('CONFIG', 'SET', 'requirepass', 'x')
    await command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  },
  'does not allow its commands': ({ command }) =>
    command('ACL', 'SETUSER', 'default', '-evalsha', '-eval', '-hset', '-hgetall', '-hmget'),
  'holds other data under its keys': async ({ command }) => {
    for (const key of (await command('KEYS', '*')) as string[]) {
      await command('DEL', key)
      await command('SET', key, 'x')
    }
  },
}

const redisKinds = Object.entries(redis).flatMap(([name, breakIt]) =>
  (['ioredis', 'node-redis'] as const).map(
    (library): Kind => ({
      area: `Redis store, ${library}`,
      name,
      async run(scene) {
        const server = await startRedis()
        scene.atEnd(() => server.remove())
        const { url } = server
        const admin = new Redis(url, { retryStrategy: null })
        admin.on('error', () => {})
        scene.atEnd(() => admin.disconnect())
        const store = library === 'ioredis' ? withIoredis(scene, url) : await withNodeRedis(scene, url)
        await useBroken(scene, store, () =>
          breakIt({
            command: (word = '', ...words) => admin.call(word, ...words),
            stop: server.kill,
            async restart() {
              await server.kill()
              await pause(20)
              await server.start()
            },
          }),
        )
      },
    }),
  ),
)

/** What the client tells its application is shown too. */
function withIoredis(scene: Scene, url: string): TokenStore {
  const client = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: () => 50 })
  client.on('error', (error: unknown) => scene.see('error event', error))
  scene.atEnd(() => client.disconnect())
  return ioredisStore({ client, commandTimeoutMs: 5_000 })
}

async function withNodeRedis(scene: Scene, url: string): Promise<TokenStore> {
  const client = createClient({ url, socket: { reconnectStrategy: 50 }, disableOfflineQueue: true })
  client.on('error', (error: unknown) => scene.see('error event', error))
  await client.connect()
  scene.atEnd(() => client.destroy())
  return nodeRedisStore({ client, commandTimeoutMs: 5_000 })
}

interface PostgresScene {
  query(sql: string): Promise<pg.QueryResult>
  readonly database: string
  readonly pool: pg.Pool
  stop(): Promise<void>
}

async function tableOfGrants(query: PostgresScene['query']): Promise<string> {
  const { rows } = await query(
    `SELECT table_schema || '.' || table_name AS name FROM information_schema.columns WHERE column_name = 'secret'`,
  )
  return rows[0]?.name as string
}

const CUT =
  'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()'

const postgres: Sabotage<PostgresScene> = {
  'loses its tables': async ({ query }) => query(`DROP TABLE ${await tableOfGrants(query)} CASCADE`),
  'loses a column': async ({ query }) =>
    query(`ALTER TABLE ${await tableOfGrants(query)} DROP COLUMN secret CASCADE`),
  'has its connections cut': ({ query }) => query(CUT),
  'becomes read-only': async ({ query, database }) => {
    await query(`ALTER DATABASE ${database} SET default_transaction_read_only = on`)
    await query(CUT)
  },
  'refuses values': async ({ query }) =>
    query(
      `ALTER TABLE ${await tableOfGrants(query)} ADD CONSTRAINT short CHECK (length(secret) < 5) NOT VALID`,
    ),
  'has its pool ended': async ({ pool }) => {
    // It waits for the connection that the store listens on: the store must be closed first.
    void pool.end()
  },
  'is stopped': ({ stop }) => stop(),
}

let databases = 0

const postgresKinds = Object.entries(postgres).map(
  ([name, breakIt]): Kind => ({
    area: 'PostgreSQL store',
    name,
    async run(scene) {
      const own = name === 'is stopped' ? await startPostgres() : undefined
      if (own) scene.atEnd(() => own.remove())
      const server = own ?? (await sharedPostgres())
      const database = `secrecy_${databases++}`
      const admin = new pg.Client(server.connection)
      admin.on('error', () => {})
      await admin.connect()
      await admin.query(`CREATE DATABASE ${database}`)
      await admin.end()
      const connection = { ...server.connection, database }
      const pool = new pg.Pool(connection)
      pool.on('error', (error) => scene.see('error event', error))
      await migrate(pool)
      const store = postgresStore({ pool })
      scene.atEnd(async () => {
        await store.close().catch((error: unknown) => scene.see('close', error))
        if (!pool.ending) await pool.end()
      })
      const query = async (sql: string): Promise<pg.QueryResult> => {
        const client = new pg.Client(connection)
        client.on('error', () => {})
        await client.connect()
        return await client.query(sql).finally(() => void client.end())
      }
      await useBroken(scene, store, () =>
        breakIt({ query, database, pool, stop: () => server.stop('immediate') }),
      )
    },
  }),
)

let shared: Promise<PostgresServer> | undefined
const sharedPostgres = (): Promise<PostgresServer> => (shared ??= startPostgres())

/** Ends what kinds have shared. */
export async function closeStores(): Promise<void> {
  await (await shared)?.remove()
}

export const storeKinds: readonly Kind[] = [...sqliteKinds, sqliteOpening, ...redisKinds, ...postgresKinds]
