import { fakeClock } from '@evergrant/testing'
import { expect, test } from 'vitest'
import { callApi, postToken, postTokenForm, refresh, refreshed, serve } from './wire.js'

const yearMs = 31_536_000_000

test('a refresh answers exactly expires_in, access_token and refresh_token, in the documented shapes', async () => {
  const server = await serve()
  const response = await refresh(server, server.issueGrant().refresh_token)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(await response.json()).toStrictEqual({
    expires_in: 31_536_000,
    access_token: expect.stringMatching(/^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$/),
    refresh_token: expect.stringMatching(/^def50200[0-9a-f]+$/),
  })
})

test('the same request form-encoded, with the client in the body or in Basic, is answered alike', async () => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  const grant_type = 'refresh_token'
  const inBody = await postTokenForm(server, { grant_type, refresh_token })
  expect(inBody.status).toBe(200)
  const next = ((await inBody.json()) as { refresh_token: string }).refresh_token
  const inHeader = await fetch(server.tokenEndpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${server.clientId}:${server.clientSecret}`)}` },
    body: new URLSearchParams({ grant_type, refresh_token: next }),
  })
  expect(inHeader.status).toBe(200)
})

test('a refresh token is good once; its second use is refused and harms nobody else', async () => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  const next = await refreshed(server, refresh_token)
  const again = await refresh(server, refresh_token)
  expect(again.status).toBe(401)
  expect(await again.json()).toStrictEqual({
    error: 'invalid_request',
    error_description: 'The refresh token is invalid.',
    hint: 'Token has been revoked',
    message: 'The refresh token is invalid.',
  })
  expect(server.ledger.familiesRevoked()).toEqual([])
  await refreshed(server, next.refresh_token)
})

test('a refresh revokes the old access token at once; with oldAccessToken lives-on it does not', async () => {
  const server = await serve()
  const first = server.issueGrant()
  expect((await callApi(server, first.access_token)).status).toBe(200)
  const second = await refreshed(server, first.refresh_token)
  expect((await callApi(server, first.access_token)).status).toBe(401)
  expect((await callApi(server, second.access_token)).status).toBe(200)
  server.configure({ oldAccessToken: 'lives-on' })
  await refreshed(server, second.refresh_token)
  expect((await callApi(server, second.access_token)).status).toBe(200)
})

test('access and refresh token expire at the same moment, after a year', async () => {
  const clock = fakeClock()
  const server = await serve({ now: clock.now })
  const { access_token, refresh_token } = server.issueGrant()
  await clock.advance(yearMs - 1)
  expect(server.isAlive(refresh_token)).toBe(true)
  expect((await callApi(server, access_token)).status).toBe(200)
  await clock.advance(1)
  expect((await callApi(server, access_token)).status).toBe(401)
  expect(await (await refresh(server, refresh_token)).json()).toMatchObject({ hint: 'Token has expired' })
})

test('with lifetimes of its own each token expires by itself', async () => {
  const clock = fakeClock()
  const server = await serve({
    now: clock.now,
    accessTokenLifetimeMs: 60_000,
    refreshTokenLifetimeMs: 3_600_000,
  })
  const first = server.issueGrant()
  expect(first.expires_in).toBe(60)
  await clock.advance(60_000)
  expect((await callApi(server, first.access_token)).status).toBe(401)
  const second = await refreshed(server, first.refresh_token)
  await clock.advance(3_600_000)
  expect(server.isAlive(second.refresh_token)).toBe(false)
})

test.each([
  ['passport-8', 401, 'invalid_request'],
  ['passport-9', 400, 'invalid_grant'],
] as const)('the refusals of %s are %i %s with a hint for each cause', async (refusal, status, error) => {
  const other = { clientId: 'other', clientSecret: 'other-secret' }
  const clients = [{ clientId: 'one', clientSecret: 'one-secret' }, other]
  const server = await serve({ refusal, clients })
  const foreign = server.issueGrant({ clientId: 'other' })
  const revoked = server.issueGrant()
  expect(server.revokeFamily(revoked.refresh_token)).toBe(true)
  const causes = [
    ['no-token-of-ours', 'Cannot decrypt the refresh token'],
    [foreign.refresh_token, 'Token is not linked to client'],
    [revoked.refresh_token, 'Token has been revoked'],
  ] as const
  for (const [token, hint] of causes) {
    const response = await refresh(server, token)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error, hint })
  }
  expect(server.isAlive(foreign.refresh_token)).toBe(true)
})

test('a wrong secret is 401 invalid_client with WWW-Authenticate and spends nothing', async () => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  server.setClientSecret('rotated-secret')
  const response = await refresh(server, refresh_token)
  expect(response.status).toBe(401)
  expect(response.headers.get('www-authenticate')).toBe('Basic realm="OAuth"')
  expect(await response.json()).toMatchObject({ error: 'invalid_client' })
  expect(server.isAlive(refresh_token)).toBe(true)
  const right = await postToken(server, {
    grant_type: 'refresh_token',
    client_secret: 'rotated-secret',
    refresh_token,
  })
  expect(right.status).toBe(200)
})

test('client credentials bring an access token for the API and no refresh token', async () => {
  const server = await serve()
  const response = await postToken(server, { grant_type: 'client_credentials' })
  const reply = (await response.json()) as { access_token: string }
  expect(Object.keys(reply).toSorted()).toEqual(['access_token', 'expires_in'])
  expect((await callApi(server, reply.access_token)).status).toBe(200)
})

test('a missing parameter is 400 invalid_request that names it, an unknown grant type unsupported_grant_type', async () => {
  const server = await serve()
  const missing = await postToken(server, { grant_type: 'refresh_token' })
  expect(missing.status).toBe(400)
  expect(await missing.json()).toMatchObject({
    error: 'invalid_request',
    hint: 'Check the `refresh_token` parameter',
  })
  const unknown = await postToken(server, { grant_type: 'password' })
  expect(await unknown.json()).toMatchObject({ error: 'unsupported_grant_type' })
  expect(server.ledger.tokenRequests({ outcome: 'invalid_request' })).toHaveLength(2)
})

test('equal seeds make equal tokens, other seeds others', async () => {
  const now = () => 1_700_000_000_000
  const [one, same, other] = [
    await serve({ seed: 'a', now }),
    await serve({ seed: 'a', now }),
    await serve({ now }),
  ]
  const reply = one.issueGrant()
  expect(same.issueGrant()).toEqual(reply)
  expect(other.issueGrant().refresh_token).not.toBe(reply.refresh_token)
})

test.each([
  [{ preset: 'nobody' }, /preset/],
  [{ graceMs: -1 }, /graceMs/],
  [{ accessTokenLifetimeMs: 0 }, /accessTokenLifetimeMs/],
  [{ clients: [] }, /clients/],
  [{ lifetime: 5 }, /lifetime/],
])('the option %j is refused by name at the start', async (options, name) => {
  await expect(serve(options as never)).rejects.toThrow(name)
})
