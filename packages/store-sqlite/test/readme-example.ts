import { createTokenManager, passolution } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'

// The same in every process: a web server, a worker, a command-line tool.
const store = sqliteStore({ path: 'tokens.db' })
const tokens = createTokenManager({
  provider: passolution({ clientId: 'my-client', clientSecret: 'my-secret' }),
  store,
})

// Once, with the reply of the authorization.
await tokens.saveGrant('agency-42', { access_token: 'a1', refresh_token: 'r1', expires_in: 3600 })

// Anywhere, at any time: whichever process is first rotates, all others get the new token.
const token = await tokens.getAccessToken('agency-42')
console.log(String(token)) // [AccessToken gen 1, expires …]: printing it shows no secret

await tokens.close()
await store.close()
