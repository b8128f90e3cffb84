import { expect, test } from 'vitest'
import { refresh, refreshed, serve } from './wire.js'

test('of two requests held before and let go together, a one-time token serves one', async () => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  const gate = server.gate({ path: 'token', when: 'before' })
  const both = [refresh(server, refresh_token), refresh(server, refresh_token)]
  await gate.arrived(2)
  expect(gate.waiting()).toBe(2)
  expect(server.isAlive(refresh_token)).toBe(true)
  gate.open()
  const statuses = (await Promise.all(both)).map(({ status }) => status)
  expect(statuses).toEqual([200, 401])
  expect(server.ledger.doubleSpends()).toHaveLength(1)
  expect(server.ledger.tokenRequests().map(({ inFlight }) => inFlight)).toEqual([0, 1])
})

test('opened one after the other, the second spends nothing although both had come before', async () => {
  const server = await serve({ preset: 'okta', graceMs: 0, requestFormats: ['json'] })
  const { refresh_token } = server.issueGrant()
  const gate = server.gate()
  const both = [refresh(server, refresh_token), refresh(server, refresh_token)]
  await gate.arrived(2)
  gate.pass(1)
  await expect.poll(() => server.ledger.rotations()).toHaveLength(1)
  gate.open()
  await Promise.all(both)
  expect(server.ledger.familiesRevoked('reuse')).toHaveLength(1)
})

test('held between check and spending, two requests both succeed, as on a server whose check is not atomic', async () => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  const gate = server.gate({ when: 'between' })
  const both = [refresh(server, refresh_token), refresh(server, refresh_token)]
  await gate.arrived(2)
  gate.open()
  expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200])
  expect(server.ledger.rotations()).toHaveLength(2)
  expect(server.ledger.doubleSpends()).toHaveLength(1)
})

test('held after, the token is spent and no byte of the reply has left', async () => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  const gate = server.gate({ when: 'after' })
  const reply = refresh(server, refresh_token)
  await gate.arrived()
  expect(server.isAlive(refresh_token)).toBe(false)
  expect(server.ledger.tokenRequests()).toMatchObject([
    { outcome: 'pending', decision: 'rotated', status: null },
  ])
  gate.open()
  expect((await reply).status).toBe(200)
})

test('a request whose client gave up while it was held is still processed when the gate opens', async () => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  const gate = server.gate()
  const abort = new AbortController()
  const reply = refresh(server, refresh_token, { signal: abort.signal })
  await gate.arrived()
  abort.abort()
  await expect(reply).rejects.toThrow()
  await expect.poll(() => server.ledger.tokenRequests()).toMatchObject([{ clientGone: true }])
  gate.open()
  await expect.poll(() => server.isAlive(refresh_token)).toBe(false)
  await expect
    .poll(() => server.ledger.tokenRequests())
    .toMatchObject([{ outcome: 'rotated', status: null, replyDelivered: false }])
})

test('pass lets the longest waiting through and keeps the gate shut', async () => {
  const server = await serve()
  const [first, second] = [server.issueGrant(), server.issueGrant()]
  const gate = server.gate()
  const one = refresh(server, first.refresh_token)
  await gate.arrived(1)
  const two = refresh(server, second.refresh_token)
  await gate.arrived(2)
  gate.pass(1)
  expect((await one).status).toBe(200)
  expect(gate.waiting()).toBe(1)
  gate.open()
  expect((await two).status).toBe(200)
})

test('a gate for one family holds only that family', async () => {
  const server = await serve()
  const [held, free] = [server.issueGrant(), server.issueGrant()]
  const gate = server.gate({ family: server.familyOf(held.refresh_token) ?? '' })
  const waiting = refresh(server, held.refresh_token)
  await gate.arrived()
  await refreshed(server, free.refresh_token)
  expect(server.isAlive(held.refresh_token)).toBe(true)
  gate.open()
  await waiting
})

test('close drops what a gate holds and does not hang', async () => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  const gate = server.gate()
  const reply = refresh(server, refresh_token).catch(() => 'cut')
  await gate.arrived()
  await server.close()
  expect(await reply).toBe('cut')
  expect(server.isAlive(refresh_token)).toBe(true)
  expect(server.ledger.tokenRequests()).toMatchObject([{ outcome: 'dropped', decision: 'none' }])
})
