import { isEvergrantError } from '@evergrant/core'
import { expect, it } from 'vitest'
import { openFleet } from './regressions/scene.js'

const well = {
  status: 'up',
  grantsNeedingAttention: 0,
  moreNeedAttention: false,
  clientPausedForMs: 0,
  budgetUsedUpForMs: 0,
}

it('a manager is well while its store answers; grants whose users must authorize again are counted', async () => {
  const { server, member } = await openFleet({ preset: 'oidcProvider' })
  const { tokens } = member()
  expect(await tokens.health()).toEqual(well)
  const grant = server.issueGrant()
  await tokens.saveGrant('g', grant)
  server.revokeFamily(server.familyOf(grant.refresh_token) ?? '')
  await tokens.getAccessToken('g', { forceRefresh: true }).catch(() => {})
  expect(await tokens.health()).toEqual({ ...well, grantsNeedingAttention: 1 })
  expect(server.ledger.tokenRequests()).toHaveLength(1)
})

it('is down with the code of what is wrong: a store that is away, one that never answers, a manager that is closed', async () => {
  const { member } = await openFleet({ preset: 'oidcProvider' })
  const { tokens, store } = member()
  store.away = true
  expect(await tokens.health()).toMatchObject({ status: 'down', code: 'STORE_UNAVAILABLE' })
  store.away = false
  const gate = store.hold('list', 'before')
  expect(await tokens.health({ timeoutMs: 20 })).toMatchObject({ status: 'down', code: 'TIMEOUT' })
  gate.open()
  expect(await tokens.health()).toEqual(well)
  await tokens.close()
  expect(await tokens.health()).toMatchObject({ status: 'down', code: 'CLOSED' })
})

it('tells of a refused client and of a budget that is used up, sends nothing, and stays up', async () => {
  const { server, member } = await openFleet({ preset: 'oidcProvider' })
  const { tokens } = member()
  await tokens.saveGrant('g', server.issueGrant())
  server.faults.add({ kind: 'throttled', retryAfterMs: 60_000 })
  await expect(tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 500 })).rejects.toMatchObject({
    code: 'RATE_LIMITED',
  })
  // The store knows it now; who asks it for a request hears of it.
  await tokens.saveGrant('other', server.issueGrant())
  const late = tokens.getAccessToken('other', { forceRefresh: true, timeoutMs: 500 })
  await expect(late).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  const { budgetUsedUpForMs, ...rest } = await tokens.health()
  expect(budgetUsedUpForMs).toBeGreaterThan(50_000)
  expect(rest.status).toBe('up')

  const other = member().tokens
  server.setClientSecret('rotated elsewhere')
  const sent = server.ledger.tokenRequests().length
  const { clientPausedForMs } = await other.health()
  expect(clientPausedForMs).toBe(0)
  expect(server.ledger.tokenRequests()).toHaveLength(sent)
})

it('tells how long nothing but a probe is sent after the provider refused the client', async () => {
  const { server, member } = await openFleet({ preset: 'oidcProvider' })
  const { tokens } = member()
  await tokens.saveGrant('g', server.issueGrant())
  server.setClientSecret('rotated elsewhere')
  await expect(tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 500 })).rejects.toMatchObject({
    code: 'CLIENT_REJECTED',
  })
  expect((await tokens.health()).clientPausedForMs).toBeGreaterThan(0)
})

it("ends with its caller's signal", async () => {
  const { member } = await openFleet({ preset: 'oidcProvider' })
  const { tokens, store } = member()
  const gate = store.hold('list', 'before')
  const abort = new AbortController()
  const asked = tokens.health({ signal: abort.signal })
  await gate.arrived
  abort.abort(new Error('left'))
  await expect(asked).rejects.toThrow('left')
  gate.open()
})

it('errors say whose they are: the provider of the manager, and the grant', async () => {
  const { server, member } = await openFleet({ preset: 'oidcProvider' })
  const { tokens } = member()
  const failures: unknown[] = []
  const keep = (error: unknown) => void failures.push(error)
  await tokens.getAccessToken('nobody').catch(keep)
  const grant = server.issueGrant()
  await tokens.saveGrant('g', grant)
  server.revokeFamily(server.familyOf(grant.refresh_token) ?? '')
  await tokens.getAccessToken('g', { forceRefresh: true }).catch(keep)
  await tokens.close()
  await tokens.getAccessToken('g').catch(keep)
  expect(
    failures.map((error) => isEvergrantError(error) && [error.code, error.provider, error.grantId]),
  ).toEqual([
    ['GRANT_NOT_FOUND', 'emulated', 'nobody'],
    ['REAUTHORIZATION_REQUIRED', 'emulated', 'g'],
    ['CLOSED', 'emulated', 'g'],
  ])
})
