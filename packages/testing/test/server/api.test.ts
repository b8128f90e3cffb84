import { expect, test } from 'vitest'
import { callApi, serve } from './wire.js'

test('without a token, with an unknown, an expired or a revoked one the API answers 401 Unauthenticated', async () => {
  const server = await serve()
  const [expired, revoked] = [server.issueGrant(), server.issueGrant()]
  expect(server.expireAccessTokens(server.familyOf(expired.access_token) ?? '')).toBe(1)
  expect(server.revokeAccessToken(revoked.access_token)).toBe(true)
  const answers = [
    await fetch(server.apiUrl),
    await callApi(server, 'eyJ.not.ours'),
    await callApi(server, expired.access_token),
    await callApi(server, revoked.access_token),
  ]
  for (const answer of answers) {
    expect(answer.status).toBe(401)
    expect(await answer.json()).toEqual({ message: 'Unauthenticated.' })
  }
  expect(server.ledger.apiRequests({ outcome: 'unauthenticated' })).toHaveLength(4)
  expect(server.isAlive(expired.refresh_token)).toBe(true)
})

test('POST echoes the JSON body, parsed and to the letter', async () => {
  const server = await serve()
  const body = '{ "countries": ["DE", "Å"], "n": 1 }'
  const headers = { 'content-type': 'application/json' }
  const answer = await callApi(server, server.issueGrant().access_token, { method: 'POST', headers, body })
  expect(await answer.json()).toMatchObject({
    method: 'POST',
    path: '/api/v2/infosystem/passolution',
    contentType: 'application/json',
    body: JSON.parse(body),
    bodyText: body,
  })
})

test('every path under /api asks for a token, and the query comes back', async () => {
  const server = await serve()
  const { access_token } = server.issueGrant({ sub: 'agency-42' })
  const headers = { authorization: `Bearer ${access_token}` }
  const answer = await fetch(`${server.origin}/api/v2/other?lang=de`, { headers })
  expect(await answer.json()).toMatchObject({
    path: '/api/v2/other',
    query: { lang: 'de' },
    sub: 'agency-42',
  })
  expect((await fetch(`${server.origin}/api/v2/other`)).status).toBe(401)
  expect((await fetch(`${server.origin}/elsewhere`)).status).toBe(404)
})

test('apiStatus 204 answers without content', async () => {
  const server = await serve({ apiStatus: 204 })
  const answer = await callApi(server, server.issueGrant().access_token)
  expect([answer.status, await answer.text()]).toEqual([204, ''])
})
