import { createTokenManager, passolution } from '@evergrant/core'
import { nodeRedisStore } from '@evergrant/store-redis'
import { createClient } from 'redis'

// The same in every process of the fleet.
const client = createClient({ url: process.env.REDIS_URL ?? 'redis://localhost:6379' })
client.on('error', (error) => console.error('Redis:', error.message))
await client.connect()

const tokens = createTokenManager({
  provider: passolution({ clientId: 'my-client', clientSecret: 'my-secret' }),
  store: nodeRedisStore({ client }),
})

// Once, with the reply of the authorization.
await tokens.saveGrant('agency-42', { access_token: 'a1', refresh_token: 'r1', expires_in: 3600 })

// Anywhere, at any time: whichever process is first rotates, all others get the new token.
const token = await tokens.getAccessToken('agency-42')
console.log(String(token)) // [AccessToken gen 1, expires …]: printing it shows no secret

await tokens.close()
await client.close() // yours to close, after the manager
