import { startAuthorizationServer } from '@evergrant/testing'
import { expect, onTestFinished, test } from 'vitest'
import { keepLedger } from '../src/ledger-keeper.js'

test('forgets API calls and nothing that the totals are made of', async () => {
  const server = await startAuthorizationServer({ reuse: 'revokes-family' })
  onTestFinished(() => server.close())
  const { refresh_token } = server.issueGrant()
  const credentials = { client_id: server.clientId, client_secret: server.clientSecret }
  const body = new URLSearchParams({ ...credentials, grant_type: 'refresh_token', refresh_token })
  const ledger = keepLedger(server)
  await fetch(server.apiUrl)
  await fetch(server.tokenEndpoint, { method: 'POST', body })
  ledger.forgetApiCalls()
  await fetch(server.tokenEndpoint, { method: 'POST', body })
  ledger.forgetApiCalls()

  expect(server.ledger.entries()).toEqual([])
  expect(ledger.apiRequests()).toEqual([])
  expect(ledger.tokenRequests()).toHaveLength(2)
  expect(ledger.rotations()).toHaveLength(1)
  expect(ledger.doubleSpends()).toHaveLength(1)
  expect(ledger.familiesRevoked()).toHaveLength(1)
  expect(ledger.maxTokenRequestsInAnyWindow(60_000)).toBe(2)
})
