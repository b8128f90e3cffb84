/**
 * Real servers and real processes: Redis and PostgreSQL are stopped right after one process has read the replies, for
 * longer than its lease, while three others wait for the same grants.
 */
import { createTokenManager, oauth2Provider } from '@evergrant/core'
import { migrate } from '@evergrant/store-postgres'
import { describeWithRedis } from '@evergrant/store-tests/describe-with-redis'
import { postgresIsThere } from '@evergrant/store-tests/postgres-programs'
import { startPostgres } from '@evergrant/store-tests/postgres-server'
import { startWorker, type Worker } from '@evergrant/store-tests/processes/start'
import { startRedis } from '@evergrant/store-tests/redis-server'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StoreAwayJobs, StoreAwaySetup } from './processes/messages.js'
import { openStore, type StoreAddress } from './processes/open-store.js'

const GRANTS = 100
const WAITING = 3
const timings = { leaseMs: 2_000, requestTimeoutMs: 8_000, armedLeaseMs: 10_000, settleMs: 5_000 }

let server: AuthorizationServer
let workers: readonly Worker<StoreAwayJobs>[]

beforeEach(async () => {
  workers = []
  server = await startAuthorizationServer({ preset: 'oidcProvider' })
})

afterEach(async () => {
  for (const { child } of workers) child.kill('SIGKILL')
  await server.close()
})

interface StoppableServer {
  readonly address: StoreAddress
  stop(): Promise<void>
  start(): Promise<void>
}

async function holderCommitsFirst({ address, stop, start }: StoppableServer): Promise<void> {
  const { clientId, clientSecret, tokenEndpoint, apiUrl } = server
  const provider = { id: 'p', clientId, clientSecret, tokenEndpoint }
  const { store, close } = await openStore(address)
  const tokens = createTokenManager({ provider: oauth2Provider(provider), store })
  const ids = Array.from({ length: GRANTS }, (_, n) => `g${n}`)
  for (const id of ids) await tokens.saveGrant(id, server.issueGrant(), { receivedAtMs: 0 })
  await tokens.close()
  await close()
  const program = new URL('./processes/store-away-worker.ts', import.meta.url)
  const setup: StoreAwaySetup = { store: address, provider, apiUrl, timings }
  const begin = () => startWorker<StoreAwayJobs>(program, setup)
  const holder = await begin()
  const others = await Promise.all(Array.from({ length: WAITING }, begin))
  workers = [holder, ...others]

  // Every token is spent, and no reply is out, when the store goes away.
  const replies = server.gate({ path: 'token', when: 'after' })
  const held = holder.ask('getAll', ids)
  await replies.arrived(GRANTS)
  const waited = others.map((other) => other.ask('getAll', ids))
  await Promise.all(others.map((other) => other.ask('allWait')))
  await stop()
  replies.open()
  // Its own callers have the successors although no store has them.
  expect(await held).toEqual(ids.map(() => 2))
  // Longer than the lease; the clock of the processes cannot be moved.
  await new Promise((resolve) => setTimeout(resolve, timings.armedLeaseMs + 500))
  await start()
  for (const report of await Promise.all(waited)) expect(report).toEqual(ids.map(() => 2))

  // The others may hear of a commit before the holder has its answer.
  const rotations = () => Promise.all(workers.map((worker) => worker.ask('rotations')))
  await expect.poll(rotations, { timeout: 15_000 }).toEqual([GRANTS, 0, 0, 0])
  expect(server.ledger.tokenRequests()).toHaveLength(GRANTS)
  expect(server.ledger.doubleSpends()).toHaveLength(0)
  expect(server.ledger.familiesRevoked()).toHaveLength(0)
}

const name = `${GRANTS} of ${GRANTS} first commits are the holder's when the store is back, with ${WAITING} processes waiting`

describeWithRedis('Redis stopped after the replies were read', () => {
  it(name, { timeout: 90_000 }, async () => {
    const redis = await startRedis({ persistence: 'always' })
    const address = { kind: 'redis', url: redis.url } as const
    await holderCommitsFirst({ address, stop: redis.stop, start: redis.start })
    await redis.stop()
  })
})

describe.skipIf(!postgresIsThere)('PostgreSQL stopped after the replies were read', () => {
  it(name, { timeout: 90_000 }, async () => {
    const postgres = await startPostgres()
    const pool = new pg.Pool(postgres.connection)
    await migrate(pool)
    await pool.end()
    const address = { kind: 'postgres', connection: postgres.connection } as const
    await holderCommitsFirst({ address, stop: () => postgres.stop('fast'), start: () => postgres.start() })
    await postgres.remove()
  })
})
