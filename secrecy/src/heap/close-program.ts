/**
 * A process that uses a grant in all ways, closes its manager, and writes down its heap. Everything secret in it comes
 * from its parent over IPC: nothing of it stands in a source file or in the environment.
 */
import { writeHeapSnapshot } from 'node:v8'
import { attachTokens } from '@evergrant/axios-interceptor'
import { createTokenManager, fetchWithTokens, passolution, type TokenManager } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import axios from 'axios'

export interface Task {
  readonly origin: string
  readonly clientId: string
  readonly clientSecret: string
  readonly folder: string
  readonly reply: {
    readonly access_token: string
    readonly refresh_token: string
    readonly expires_in: number
  }
}

/** What an application still holds when it has closed everything. */
class StillHeld {
  tokens: TokenManager | undefined
  store: object | undefined
  token: object | undefined
  call: unknown
}

const held = new StillHeld()
;(globalThis as { held?: StillHeld }).held = held

async function use({ origin, clientId, clientSecret, folder, reply }: Task): Promise<void> {
  const store = sqliteStore({ path: `${folder}/tokens.db` })
  const provider = passolution({ clientId, clientSecret, authorizationServer: origin, api: origin })
  const tokens = createTokenManager({ provider, store })
  await tokens.saveGrant('agency', reply)
  const api = axios.create({ baseURL: origin })
  attachTokens(api, { tokens, grantId: 'agency' })
  await api.get('/api/x')
  const call = fetchWithTokens({ tokens, grantId: 'agency' })
  await (await call(`${origin}/api/x`)).text()
  await tokens.getAccessToken('agency', { forceRefresh: true })
  await (await call(`${origin}/api/x`)).text()
  held.token = await tokens.getAccessToken('agency')
  await tokens.close()
  await store.close()
  Object.assign(held, { tokens, store, call })
}

process.once('message', (task: Task) => {
  const { folder } = task
  void use(task).then(() => {
    // What the runtime keeps for a moment is not what it keeps.
    setTimeout(() => {
      const path = writeHeapSnapshot(`${folder}/heap.heapsnapshot`)
      process.send?.({ path }, () => process.exit(0))
    }, 200)
  })
})
