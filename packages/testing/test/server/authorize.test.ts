import { createHash, randomBytes } from 'node:crypto'
import { type AuthorizationServer, fakeClock } from '@evergrant/testing'
import { expect, test } from 'vitest'
import { callApi, postToken, serve } from './wire.js'

const redirect_uri = 'https://app.example/callback'

async function visit(
  server: AuthorizationServer,
  parameters: Readonly<Record<string, string>> = {},
): Promise<{ status: number; back: URLSearchParams; location: string | null }> {
  const url = new URL(server.authorizationEndpoint)
  const query = { client_id: server.clientId, redirect_uri, response_type: 'code', scope: '*', ...parameters }
  url.search = new URLSearchParams(query).toString()
  const { status, headers } = await fetch(url, { redirect: 'manual' })
  const location = headers.get('location')
  return {
    status,
    location,
    back: location === null ? new URLSearchParams() : new URL(location).searchParams,
  }
}

function exchange(
  server: AuthorizationServer,
  code: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return postToken(server, { grant_type: 'authorization_code', code, redirect_uri, ...more })
}

test('the browser comes back with a code and the state it left with, and the code brings tokens', async () => {
  const server = await serve()
  const { status, location, back } = await visit(server, { state: 'a state & more' })
  expect(status).toBe(302)
  expect(location?.startsWith(`${redirect_uri}?`)).toBe(true)
  expect(back.get('state')).toBe('a state & more')
  const response = await exchange(server, back.get('code') ?? '')
  const reply = (await response.json()) as { access_token: string; refresh_token: string }
  expect((await callApi(server, reply.access_token)).status).toBe(200)
  expect(server.isAlive(reply.refresh_token)).toBe(true)
})

test('a code is good once and only for a short time', async () => {
  const clock = fakeClock()
  const server = await serve({ now: clock.now, codeLifetimeMs: 60_000 })
  const code = server.issueCode({ redirectUri: redirect_uri })
  expect((await exchange(server, code)).status).toBe(200)
  const again = await exchange(server, code)
  expect([again.status, await again.json()]).toMatchObject([
    400,
    { hint: 'Authorization code has been revoked' },
  ])
  const late = server.issueCode({ redirectUri: redirect_uri })
  await clock.advance(60_000)
  expect(await (await exchange(server, late)).json()).toMatchObject({
    hint: 'Authorization code has expired',
  })
})

test('a code used twice revokes its grant where reuse revokes families', async () => {
  const server = await serve({ reuse: 'revokes-family' })
  const code = server.issueCode({ redirectUri: redirect_uri })
  const reply = (await (await exchange(server, code)).json()) as { refresh_token: string }
  await exchange(server, code)
  expect(server.isAlive(reply.refresh_token)).toBe(false)
  expect(server.ledger.familiesRevoked('code-reuse')).toHaveLength(1)
})

test('with a PKCE challenge the exchange needs its verifier; a wrong one does not use up the code', async () => {
  const server = await serve()
  const code_verifier = randomBytes(32).toString('base64url')
  const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')
  const { back } = await visit(server, { code_challenge, code_challenge_method: 'S256' })
  const code = back.get('code') ?? ''
  expect((await exchange(server, code)).status).toBe(400)
  expect((await exchange(server, code, { code_verifier: 'wrong' })).status).toBe(400)
  expect((await exchange(server, code, { code_verifier })).status).toBe(200)
})

test('a challenge that is not S256 and a user who refuses send the browser back with an error', async () => {
  const server = await serve()
  const plain = await visit(server, { code_challenge: 'x', code_challenge_method: 'plain', state: 's' })
  expect([plain.back.get('error'), plain.back.get('state')]).toEqual(['invalid_request', 's'])
  server.configure({ consent: 'deny' })
  expect((await visit(server)).back.get('error')).toBe('access_denied')
})

test('a user who is asked decides on a page whose links lead back with the same state', async () => {
  const server = await serve({ consent: 'ask' })
  const asked = await visit(server, { state: 's&t' })
  expect(asked).toMatchObject({ status: 200, location: null })
  expect((await visit(server, { state: 's&t', decision: 'approve' })).back.get('state')).toBe('s&t')
  expect((await visit(server, { decision: 'approve' })).back.get('code')).not.toBeNull()
  expect((await visit(server, { decision: 'deny' })).back.get('error')).toBe('access_denied')
})

test('an unknown client or a redirect URI that is not registered is never redirected to', async () => {
  const server = await serve({ clients: [{ clientId: 'one', redirectUris: [redirect_uri] }] })
  expect(await visit(server, { client_id: 'nobody' })).toMatchObject({ status: 401, location: null })
  expect(await visit(server, { redirect_uri: 'https://evil.example/' })).toMatchObject({
    status: 401,
    location: null,
  })
  expect((await visit(server)).status).toBe(302)
})

test('the redirect URI of the exchange must be that of the authorization', async () => {
  const server = await serve()
  const { back } = await visit(server)
  const response = await exchange(server, back.get('code') ?? '', { redirect_uri: 'https://evil.example/' })
  expect(await response.json()).toMatchObject({ hint: 'Invalid redirect URI' })
})

test('a public client needs no secret', async () => {
  const server = await serve({ clients: [{ clientId: 'spa' }] })
  const code = server.issueCode()
  const body = JSON.stringify({ grant_type: 'authorization_code', client_id: 'spa', code })
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(server.tokenEndpoint, { method: 'POST', headers, body })
  expect(response.status).toBe(200)
})
