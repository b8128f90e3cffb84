import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenManager, type PassolutionOptions, type TokenManager } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { demoProvider, grantId, tokenLifetimeMs } from './demo-grant.js'
import type { WorkerSetup } from './messages.js'

/** Everything the fleet plays on: the emulated provider, the SQLite file, and a grant in it. */
export interface Stage {
  readonly server: AuthorizationServer
  readonly setup: WorkerSetup
  /** Revokes the access token that is valid now, as a user or a support desk could; false: it just went. */
  revokeAccessToken(): Promise<boolean>
  removeFiles(): void
  close(): Promise<void>
}

/** How long ago the user authorized: so the first renewal that nobody forces is soon to be seen. */
const HEAD_START_MS = tokenLifetimeMs / 2

export async function openStage(): Promise<Stage> {
  const server = await startAuthorizationServer({
    preset: 'passolution',
    accessTokenLifetimeMs: tokenLifetimeMs,
    reuse: 'revokes-family',
    clients: [{ clientId: 'demo', clientSecret: randomBytes(16).toString('hex') }],
  })
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-demo-'))
  const path = join(folder, 'tokens.db')
  const removeFiles = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  const provider: PassolutionOptions = {
    clientId: server.clientId,
    clientSecret: server.clientSecret,
    authorizationServer: server.origin,
    api: server.origin,
  }

  /** The main process is no worker: what it needs of the grant it asks for like one more process of the fleet. */
  async function withTokens<T>(use: (tokens: TokenManager) => Promise<T>): Promise<T> {
    const store = sqliteStore({ path })
    const tokens = createTokenManager({ provider: demoProvider(provider), store })
    try {
      return await use(tokens)
    } finally {
      await tokens.close()
      await store.close()
    }
  }

  const stage: Stage = {
    server,
    setup: { type: 'setup', folder, path, provider, apiUrl: server.apiUrl },
    revokeAccessToken: () =>
      withTokens(async (tokens) => {
        const token = await tokens.getAccessToken(grantId, { minValidityMs: 0 })
        return server.revokeAccessToken(token.reveal())
      }),
    removeFiles,
    async close() {
      await server.close()
      removeFiles()
    },
  }
  const reply = server.issueGrant({ sub: grantId })
  try {
    const receivedAtMs = Date.now() - HEAD_START_MS
    await withTokens((tokens) => tokens.saveGrant(grantId, reply, { receivedAtMs }))
  } catch (error) {
    await stage.close()
    throw error
  }
  return stage
}
