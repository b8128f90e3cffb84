import type { AuthorizationServer } from '@evergrant/testing'
import { expect, test } from 'vitest'
import { callApi, serve } from './wire.js'

function revoke(server: AuthorizationServer, token: string, client_secret?: string): Promise<Response> {
  const parameters = {
    client_id: server.clientId,
    client_secret: client_secret ?? server.clientSecret,
    token,
  }
  return fetch(server.revocationEndpoint, { method: 'POST', body: new URLSearchParams(parameters) })
}

test('revoking a refresh token ends the grant, and again or an unknown one is answered 200 too', async () => {
  const server = await serve()
  const { access_token, refresh_token } = server.issueGrant()
  expect((await revoke(server, refresh_token)).status).toBe(200)
  expect((await revoke(server, refresh_token)).status).toBe(200)
  expect((await revoke(server, 'unknown')).status).toBe(200)
  expect(server.isAlive(refresh_token)).toBe(false)
  expect((await callApi(server, access_token)).status).toBe(401)
  expect(server.ledger.familiesRevoked('revocation-endpoint')).toHaveLength(1)
  expect(server.ledger.revokeRequests()).toHaveLength(3)
})

test('revoking an access token ends that token alone', async () => {
  const server = await serve()
  const { access_token, refresh_token } = server.issueGrant()
  await revoke(server, access_token)
  expect((await callApi(server, access_token)).status).toBe(401)
  expect(server.isAlive(refresh_token)).toBe(true)
})

test('a wrong secret is 401 and another client revokes nothing', async () => {
  const clients = [{ clientId: 'one', clientSecret: 's' }, { clientId: 'two' }]
  const server = await serve({ clients })
  const foreign = server.issueGrant({ clientId: 'two' })
  expect((await revoke(server, foreign.refresh_token, 'wrong')).status).toBe(401)
  expect((await revoke(server, foreign.refresh_token)).status).toBe(200)
  expect(server.isAlive(foreign.refresh_token)).toBe(true)
})

test('without revocation the path is not there', async () => {
  const server = await serve({ revocation: false })
  expect((await revoke(server, 'any')).status).toBe(404)
})
