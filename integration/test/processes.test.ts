import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenManager, oauth2Provider } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { startWorker, type Worker } from '@evergrant/store-tests/processes/start'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { WorkerJobs, WorkerSetup } from './processes/messages.js'

const PROCESSES = 4
const CALLS = 100
const ROUNDS = 50
const LIFETIME_MS = 3_600_000

let server: AuthorizationServer
let folder: string
let workers: readonly Worker<WorkerJobs>[]
let serverOffsetMs = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-'))
  server = await startAuthorizationServer({
    preset: 'oidcProvider',
    accessTokenLifetimeMs: LIFETIME_MS,
    refreshTokenLifetimeMs: 1_000 * LIFETIME_MS,
    oldAccessToken: 'dies',
    now: () => Date.now() + serverOffsetMs,
  })
  const path = join(folder, 'tokens.db')
  const { clientId, clientSecret, tokenEndpoint, apiUrl } = server
  const provider = { id: 'emulated', clientId, clientSecret, tokenEndpoint, oldAccessToken: 'dies' } as const
  const store = sqliteStore({ path })
  const tokens = createTokenManager({ provider: oauth2Provider(provider), store })
  await tokens.saveGrant('agency', server.issueGrant())
  await tokens.close()
  await store.close()
  const program = new URL('./processes/worker.ts', import.meta.url)
  const start = () => startWorker<WorkerJobs>(program, { path, provider, apiUrl } satisfies WorkerSetup)
  workers = await Promise.all(Array.from({ length: PROCESSES }, start))
})

afterAll(async () => {
  // Each closes what it has and ends by itself.
  const ends = workers.map(({ child }) => once(child, 'exit'))
  for (const { child } of workers) child.disconnect()
  await Promise.all(ends)
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

it(`${PROCESSES} processes × ${CALLS} calls at expiry spend one token a round, ${ROUNDS} rounds`, {
  timeout: 120_000,
}, async () => {
  const rotatedBy = workers.map(() => 0)
  for (let round = 1; round <= ROUNDS; round++) {
    serverOffsetMs = round * (LIFETIME_MS + 60_000)
    const order = { offsetMs: serverOffsetMs, calls: CALLS }
    // Who is told first begins first: each gets its turns.
    const turn = workers.map((_, index) => (index + round) % PROCESSES)
    const reports = await Promise.all(
      turn.map(async (index) => ({ index, ...(await workers[index]!.ask('run', order)) })),
    )
    for (const { index, ok, failures, rotations } of reports) {
      expect({ round, ok, failures }).toEqual({ round, ok: CALLS, failures: [] })
      rotatedBy[index] = (rotatedBy[index] ?? 0) + rotations
    }
    expect(server.ledger.tokenRequests()).toHaveLength(round)
  }
  expect(server.ledger.doubleSpends()).toHaveLength(0)
  expect(server.ledger.familiesRevoked()).toHaveLength(0)
  expect(server.ledger.apiRequests().filter(({ status }) => status === 200)).toHaveLength(
    PROCESSES * CALLS * ROUNDS,
  )
  for (const rotated of rotatedBy) expect(rotated).toBeGreaterThanOrEqual(5)
  console.log(`rotations by process: ${rotatedBy.join(', ')}`)
})
