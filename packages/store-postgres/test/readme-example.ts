import { createTokenManager, passolution } from '@evergrant/core'
import { migrate, postgresStore } from '@evergrant/store-postgres'
import pg from 'pg'

// The same in every process of the fleet; PGHOST, PGUSER, … say where the primary is.
const pool = new pg.Pool({ max: 10 })
pool.on('error', (error) => console.error('lost an idle connection:', error.message))

await migrate(pool) // at every start, in every process: one does it, the others wait
const store = postgresStore({ pool })
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
await pool.end()
