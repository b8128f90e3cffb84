/** The runbooks of SECURITY.md, done as they stand there. */
import {
  createConnectFlow,
  createTokenManager,
  memoryStore,
  passolution,
  type TokenManager,
} from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { expect, it, onTestFinished } from 'vitest'

async function openServer(): Promise<AuthorizationServer> {
  const server = await startAuthorizationServer({ preset: 'passolution' })
  onTestFinished(() => server.close())
  return server
}

function openManager(
  server: AuthorizationServer,
  store = memoryStore(),
  clientSecret = server.clientSecret,
): TokenManager {
  const { clientId, origin, revocationEndpoint } = server
  const facts = passolution({ clientId, clientSecret, authorizationServer: origin, api: origin })
  const tokens = createTokenManager({ provider: { ...facts, revocationEndpoint }, store })
  onTestFinished(() => tokens.close())
  return tokens
}

it('a changed client secret: no grant is lost between the change and the restart with the new one', async () => {
  const server = await openServer()
  const store = memoryStore()
  const before = openManager(server, store)
  await before.saveGrant('agency', server.issueGrant())
  const old = await before.getAccessToken('agency')

  server.setClientSecret('the new secret')
  await expect(before.getAccessToken('agency', { forceRefresh: true })).rejects.toMatchObject({
    code: 'CLIENT_REJECTED',
  })
  // Tokens that still work are handed out meanwhile, and the grant is as it was.
  expect((await before.getAccessToken('agency')).reveal()).toBe(old.reveal())
  expect(await before.status('agency')).toMatchObject({ state: 'live', generation: 1 })
  await before.close()

  const after = openManager(server, store, 'the new secret')
  expect(await after.getAccessToken('agency', { forceRefresh: true })).toMatchObject({ generation: 2 })
})

it('a leaked refresh token: what the thief has is dead, and the user connects again', async () => {
  const server = await openServer()
  const tokens = openManager(server)
  const stolen = server.issueGrant()
  await tokens.saveGrant('agency', stolen)
  expect(server.isAlive(stolen.refresh_token)).toBe(true)

  expect(await tokens.revoke('agency')).toEqual({ removed: true, atProvider: 'revoked' })
  expect(server.isAlive(stolen.refresh_token)).toBe(false)
  await expect(tokens.getAccessToken('agency')).rejects.toMatchObject({ code: 'GRANT_NOT_FOUND' })

  await tokens.saveGrant('agency', server.issueGrant())
  expect((await tokens.status('agency'))?.state).toBe('live')
})

it('a changed cookie key: flows that were begun under the old one still end', async () => {
  const server = await openServer()
  const tokens = openManager(server)
  const redirectUri = 'http://localhost/connect/callback'
  const [oldKey, newKey] = ['the old key of this test, long enough', 'the new key of this test, long enough']
  const flowWith = (secret: string | readonly string[]) => createConnectFlow({ tokens, redirectUri, secret })

  const begun = await flowWith(oldKey).begin({ grantId: 'agency' })
  const { headers } = await fetch(begun.url, { redirect: 'manual' })
  const callback = headers.get('location') ?? ''
  const cookie = begun.setCookies.map((one) => one.split(';')[0]).join('; ')

  expect(await flowWith(newKey).complete({ callback, cookie })).toMatchObject({ kind: 'forged' })
  expect(await flowWith([newKey, oldKey]).complete({ callback, cookie })).toMatchObject({ kind: 'connected' })
})
