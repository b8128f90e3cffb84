/**
 * Processes that share one grant through a server: one token request a round, however many callers. The full run
 * is `FLEET_ROUNDS=50 npm test -- integration/test/fleet.test.ts`.
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
import type { FleetJobs, FleetSetup } from './processes/messages.js'
import { openStore, type StoreAddress } from './processes/open-store.js'

const ROUNDS = Number(process.env.FLEET_ROUNDS ?? 6)
const PROCESSES = 4
const CALLS = 250

let server: AuthorizationServer
let workers: readonly Worker<FleetJobs>[]

beforeEach(async () => {
  workers = []
  server = await startAuthorizationServer({ preset: 'oidcProvider', oldAccessToken: 'dies' })
})

afterEach(async () => {
  for (const { child } of workers) child.kill('SIGKILL')
  await server.close()
})

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/** Rounds at expiry: all processes at once, one request, and how soon the others have what one of them got. */
async function expireAndCall(address: StoreAddress): Promise<void> {
  const { clientId, clientSecret, tokenEndpoint, apiUrl } = server
  const provider = { id: 'p', clientId, clientSecret, tokenEndpoint, oldAccessToken: 'dies' } as const
  const { store, close } = await openStore(address)
  const tokens = createTokenManager({ provider: oauth2Provider(provider), store })
  const program = new URL('./processes/fleet-worker.ts', import.meta.url)
  const setup: FleetSetup = { store: address, provider, apiUrl }
  workers = await Promise.all(Array.from({ length: PROCESSES }, () => startWorker<FleetJobs>(program, setup)))
  const lateMs: number[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const { chain } = await tokens.saveGrant('agency', server.issueGrant(), { receivedAtMs: 0 })
    const reports = await Promise.all(workers.map((worker) => worker.ask('run', { calls: CALLS, chain })))
    for (const { ok, failures } of reports) {
      expect({ round, ok, failures }).toEqual({ round, ok: CALLS, failures: [] })
    }
    expect(server.ledger.tokenRequests()).toHaveLength(round)
    const winner = reports.find(({ committedAtMs }) => committedAtMs !== null)
    for (const { servedAtMs, committedAtMs } of reports) {
      if (committedAtMs === null) lateMs.push((servedAtMs ?? 0) - (winner?.committedAtMs ?? 0))
    }
  }
  expect(server.ledger.doubleSpends()).toHaveLength(0)
  expect(server.ledger.familiesRevoked()).toHaveLength(0)
  console.log(
    `${address.kind}: the others had their token ${median(lateMs).toFixed(1)} ms (median) after the commit`,
  )
  // What is promised of a machine that does only this; beside other tests it is a matter of their load.
  expect(median(lateMs)).toBeLessThanOrEqual(ROUNDS >= 50 ? 20 : 200)
  await tokens.close()
  await close()
}

const name = `${PROCESSES} processes × ${CALLS} callers spend one token a round, ${ROUNDS} rounds`
const options = { timeout: 30_000 + ROUNDS * 5_000 }

describeWithRedis('on Redis', () => {
  it(name, options, async () => {
    const redis = await startRedis({ persistence: 'always' })
    await expireAndCall({ kind: 'redis', url: redis.url })
    await redis.stop()
  })
})

describe.skipIf(!postgresIsThere)('on PostgreSQL', () => {
  it(name, options, async () => {
    const postgres = await startPostgres()
    const pool = new pg.Pool(postgres.connection)
    await migrate(pool)
    await pool.end()
    await expireAndCall({ kind: 'postgres', connection: postgres.connection })
    await postgres.remove()
  })
})
