import { request } from 'node:http'
import { fakeClock } from '@evergrant/testing'
import { expect, test } from 'vitest'
import { callApi, refresh, refreshed, serve } from './wire.js'

const throttle = { limit: 2, windowMs: 60_000, windowStart: 'first-request' } as const

function headersOf(response: Response): (string | null)[] {
  const names = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'retry-after', 'x-ratelimit-reset']
  return names.map((name) => response.headers.get(name))
}

test('300 a minute by default, told in the headers of every answer', async () => {
  const server = await serve()
  expect(headersOf(await refresh(server, server.issueGrant().refresh_token))).toEqual([
    '300',
    '299',
    null,
    null,
  ])
  expect(headersOf(await refresh(server, 'unknown'))).toEqual(['300', '298', null, null])
})

test('above the limit: 429 with Retry-After and reset, nothing spent, until the fixed window ends', async () => {
  const clock = fakeClock(1_700_000_000_000)
  const server = await serve({ now: clock.now, throttle })
  const { refresh_token } = server.issueGrant()
  await refresh(server, 'unknown')
  await clock.advance(20_500)
  await refresh(server, 'unknown')
  const over = await refresh(server, refresh_token)
  expect(over.status).toBe(429)
  expect(await over.json()).toEqual({ message: 'Too Many Attempts.' })
  expect(headersOf(over)).toEqual(['2', '0', '40', '1700000060'])
  expect(server.isAlive(refresh_token)).toBe(true)
  expect(server.ledger.tokenRequests().at(-1)).toMatchObject({ outcome: 'throttled', status: 429 })
  await clock.advance(39_500)
  await refreshed(server, refresh_token)
})

test('windows that start by the clock end by the clock', async () => {
  const clock = fakeClock(1_700_000_040_000 - 1_000)
  const server = await serve({ now: clock.now, throttle: { ...throttle, limit: 1, windowStart: 'clock' } })
  await refresh(server, 'unknown')
  expect((await refresh(server, 'unknown')).headers.get('retry-after')).toBe('1')
  await clock.advance(1_000)
  expect((await refresh(server, 'unknown')).status).toBe(401)
})

test.runIf(process.platform === 'linux')('each caller address has its own count', async () => {
  const server = await serve({ throttle: { ...throttle, limit: 1 } })
  const statusFrom = (localAddress: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const outgoing = request(server.tokenEndpoint, { method: 'POST', localAddress, agent: false })
      outgoing.once('response', (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      outgoing.once('error', reject)
      outgoing.end()
    })
  expect(await statusFrom('127.0.0.1')).toBe(400)
  expect(await statusFrom('127.0.0.1')).toBe(429)
  expect(await statusFrom('127.0.0.2')).toBe(400)
})

test('the API has no limit unless given one; null takes away the token limit', async () => {
  const server = await serve({ throttle: null, apiThrottle: { ...throttle, limit: 1 } })
  const { access_token, refresh_token } = server.issueGrant()
  expect((await callApi(server, access_token)).status).toBe(200)
  expect((await callApi(server, access_token)).status).toBe(429)
  expect(headersOf(await refresh(server, refresh_token))).toEqual([null, null, null, null])
})
