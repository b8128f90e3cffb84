import { fakeClock, fingerprint } from '@evergrant/testing'
import { expect, test } from 'vitest'
import { callApi, refresh, refreshed, serve } from './wire.js'

test('records each request with time, client, fingerprints, outcome, family and status', async () => {
  const clock = fakeClock(5_000)
  const server = await serve({ now: clock.now })
  const first = server.issueGrant()
  const second = await refreshed(server, first.refresh_token)
  await clock.advance(10)
  await callApi(server, second.access_token)
  const family = server.familyOf(first.refresh_token)
  expect(server.ledger.entries()).toMatchObject([
    {
      seq: 1,
      atMs: 5_000,
      endedAtMs: 5_000,
      kind: 'token',
      method: 'POST',
      path: '/oauth/token',
      caller: '127.0.0.1',
      clientId: 'test-client',
      grantType: 'refresh_token',
      presented: fingerprint(first.refresh_token),
      issuedAccessToken: fingerprint(second.access_token),
      issuedRefreshToken: fingerprint(second.refresh_token),
      family,
      outcome: 'rotated',
      decision: 'rotated',
      doubleSpend: false,
      status: 200,
      replyDelivered: true,
      clientGone: false,
      inFlight: 0,
    },
    { seq: 2, atMs: 5_010, kind: 'api', presented: fingerprint(second.access_token), outcome: 'ok', family },
  ])
})

test('no token and no secret is in it', async () => {
  const server = await serve()
  const first = server.issueGrant()
  const second = await refreshed(server, first.refresh_token)
  await refresh(server, first.refresh_token)
  await callApi(server, second.access_token)
  const text = JSON.stringify(server.ledger.entries())
  const secrets = [first.access_token, first.refresh_token, second.access_token, second.refresh_token]
  for (const secret of [...secrets, server.clientSecret]) expect(text).not.toContain(secret)
})

test('a second use is a double spend; after a lost reply it says so and can be left out', async () => {
  const server = await serve()
  const [heard, lost] = [server.issueGrant(), server.issueGrant()]
  await refreshed(server, heard.refresh_token)
  await refresh(server, heard.refresh_token)
  server.faults.add({ kind: 'cut' })
  await expect(refresh(server, lost.refresh_token)).rejects.toThrow()
  await refresh(server, lost.refresh_token)
  expect(server.ledger.doubleSpends()).toMatchObject([
    { afterLostReply: false, outcome: 'reuse' },
    { afterLostReply: true, outcome: 'reuse' },
  ])
  expect(server.ledger.doubleSpends({ ignoreAfterLostReply: true })).toHaveLength(1)
  expect(server.ledger.rotations()).toHaveLength(2)
})

test('a spent token that is presented but throttled or struck by a fault still counts as a double spend', async () => {
  const throttle = { limit: 2, windowMs: 60_000, windowStart: 'first-request' } as const
  const server = await serve({ throttle })
  const { refresh_token } = server.issueGrant()
  await refreshed(server, refresh_token)
  server.faults.add({ kind: 'status', status: 503 })
  await refresh(server, refresh_token)
  await refresh(server, refresh_token)
  expect(server.ledger.doubleSpends().map(({ outcome }) => outcome)).toEqual(['fault:status', 'throttled'])
})

test('the most requests in any window is that of a sliding window, not of fixed ones', async () => {
  const clock = fakeClock(0)
  const server = await serve({ now: clock.now })
  for (const pauseMs of [50_000, 5_000, 4_000, 2_000, 48_999, 1]) {
    await clock.advance(pauseMs)
    await refresh(server, 'any')
  }
  // Arrivals at 50, 55, 59, 61, 109.999 and 110 s: those at 50 and 110 lie a whole window apart.
  expect(server.ledger.maxTokenRequestsInAnyWindow(60_000)).toBe(5)
  expect(server.ledger.maxTokenRequestsInAnyWindow(11_001)).toBe(4)
  expect(server.ledger.maxTokenRequestsInAnyWindow(1)).toBe(1)
  expect(server.ledger.maxTokenRequestsInAnyWindow(60_000, { outcome: 'rotated' })).toBe(0)
})

test('filters select by client, family, grant type, outcome and decision', async () => {
  const server = await serve()
  const [one, two] = [server.issueGrant(), server.issueGrant()]
  await refreshed(server, one.refresh_token)
  await refreshed(server, two.refresh_token)
  await refresh(server, 'unknown')
  const { ledger } = server
  expect(ledger.tokenRequests({ family: server.familyOf(one.refresh_token) ?? '' })).toHaveLength(1)
  expect(ledger.tokenRequests({ outcome: 'refused', clientId: 'test-client' })).toHaveLength(1)
  expect(ledger.tokenRequests({ grantType: 'refresh_token', decision: 'rotated' })).toHaveLength(2)
})

test('since a mark only what came later is asked; clear forgets', async () => {
  const server = await serve({ reuse: 'revokes-family' })
  const { refresh_token } = server.issueGrant()
  await refreshed(server, refresh_token)
  const mark = server.ledger.mark()
  await refresh(server, refresh_token)
  const later = server.ledger.since(mark)
  expect([later.rotations().length, later.doubleSpends().length, later.familiesRevoked().length]).toEqual([
    0, 1, 1,
  ])
  server.ledger.clear()
  expect([server.ledger.entries(), server.ledger.familiesRevoked()]).toEqual([[], []])
  server.revokeFamily(server.issueGrant().refresh_token)
  expect(server.ledger.since(mark).familiesRevoked('control')).toHaveLength(1)
})
