/**
 * A grant whose access and refresh token last ten seconds, which nobody asks for, in a fleet whose processes are
 * killed and replaced in turn. The full run is `EVERGREEN_MS=120000 npm test -- integration/test/evergreen.test.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenManager, oauth2Provider } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { startWorker, type Worker } from '@evergrant/store-tests/processes/start'
import { startAuthorizationServer } from '@evergrant/testing'
import { expect, it } from 'vitest'
import type { BacklogJobs, FleetSetup } from './processes/messages.js'

const RUN_MS = Number(process.env.EVERGREEN_MS ?? 22_000)
const LIFETIME_MS = 10_000
const REPLACE_EVERY_MS = 5_000

it(`an idle grant of ${LIFETIME_MS} ms lives for ${RUN_MS} ms in a fleet that is killed and replaced`, {
  timeout: RUN_MS + 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-'))
  const server = await startAuthorizationServer({
    preset: 'oidcProvider',
    accessTokenLifetimeMs: LIFETIME_MS,
    refreshTokenLifetimeMs: LIFETIME_MS,
  })
  const { clientId, clientSecret, tokenEndpoint, apiUrl } = server
  const provider = { id: 'p', clientId, clientSecret, tokenEndpoint }
  const address = { kind: 'sqlite', path: join(folder, 'tokens.db') } as const
  const store = sqliteStore({ path: address.path })
  const tokens = createTokenManager({ provider: oauth2Provider(provider), store })
  await tokens.saveGrant('idle', server.issueGrant())

  const program = new URL('./processes/backlog-worker.ts', import.meta.url)
  const setup: FleetSetup = { store: address, provider, apiUrl }
  async function keeper(): Promise<Worker<BacklogJobs>> {
    const worker = await startWorker<BacklogJobs>(program, setup)
    await worker.ask('keepAlive')
    return worker
  }
  /** No token request is under way or just answered: a kill now falls outside arm to commit. */
  const isQuiet = (): boolean =>
    server.ledger.tokenRequests().every(({ endedAtMs }) => endedAtMs !== null && Date.now() - endedAtMs > 300)

  const fleet = [await keeper(), await keeper()]
  try {
    let kills = 0
    for (const endMs = Date.now() + RUN_MS; Date.now() < endMs; kills++) {
      await new Promise((resolve) => setTimeout(resolve, REPLACE_EVERY_MS))
      await expect.poll(isQuiet, { interval: 20, timeout: 5_000 }).toBe(true)
      fleet.shift()?.child.kill('SIGKILL')
      fleet.push(await keeper())
      expect(await tokens.status('idle')).toMatchObject({ state: 'live' })
    }
    const { generation = 0, expiresAtMs } = (await tokens.status('idle')) ?? {}
    expect(generation).toBeGreaterThanOrEqual(Math.floor(RUN_MS / LIFETIME_MS) + 1)
    expect(expiresAtMs).toBeGreaterThan(Date.now())
    expect(kills).toBeGreaterThanOrEqual(Math.floor(RUN_MS / (2 * REPLACE_EVERY_MS)))
    expect(server.ledger.tokenRequests()).toHaveLength(generation - 1)
    expect((await tokens.getAccessToken('idle')).generation).toBeGreaterThanOrEqual(generation)
  } finally {
    for (const { child } of fleet) child.kill('SIGKILL')
    await tokens.close()
    await store.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
