import {
  createTokenManager,
  type EvergrantEvent,
  memoryStore,
  oauth2Provider,
  planRenewals,
} from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { timeLapse } from './time-lapse.js'

const LIFETIME_MS = 60_000

let server: AuthorizationServer
const clock = timeLapse(20)

beforeEach(async () => {
  server = await startAuthorizationServer({
    preset: 'oidcProvider',
    accessTokenLifetimeMs: LIFETIME_MS,
    refreshTokenLifetimeMs: LIFETIME_MS,
    now: clock.now,
  })
})

afterEach(() => server.close())

function fleet(size: number, budget?: { limit: number; windowMs: number }) {
  const store = memoryStore({ now: clock.now })
  const events: EvergrantEvent[] = []
  const { clientId, clientSecret, tokenEndpoint } = server
  const provider = oauth2Provider({
    id: 'p',
    clientId,
    clientSecret,
    tokenEndpoint,
    ...(budget && { budget }),
  })
  const managers = Array.from({ length: size }, () =>
    createTokenManager({ provider, store, clock, onEvent: (event) => events.push(event) }),
  )
  return { managers, events, store }
}

const pass = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms))

describe('keep-alive', () => {
  it('renews idle grants before they lapse, each once, on several processes', async () => {
    const { managers } = fleet(3)
    const ids = Array.from({ length: 12 }, (_, n) => `idle${n}`)
    for (const id of ids) await managers[0]?.saveGrant(id, server.issueGrant())
    for (const manager of managers) manager.start()
    await pass(3.2 * LIFETIME_MS)
    const requests = server.ledger.tokenRequests()
    // Renewed at 0.62 to 0.71 of each life: four or five times in 3.2 lives.
    expect(requests.length).toBeGreaterThanOrEqual(4 * ids.length)
    expect(requests.length).toBeLessThanOrEqual(6 * ids.length)
    expect(requests.every(({ status }) => status === 200)).toBe(true)
    expect(server.ledger.doubleSpends()).toHaveLength(0)
    for (const id of ids) expect((await managers[0]?.status(id))?.state).toBe('live')
    await Promise.all(managers.map((manager) => manager.close()))
    const after = server.ledger.tokenRequests().length
    await pass(LIFETIME_MS)
    expect(server.ledger.tokenRequests()).toHaveLength(after)
  })

  it('says that grants will lapse while there is still time to act', async () => {
    const { managers, events } = fleet(1, { limit: 2, windowMs: 30_000 })
    for (let n = 0; n < 12; n++) await managers[0]?.saveGrant(`g${n}`, server.issueGrant())
    expect(
      planRenewals({ grants: 12, lifetimeMs: LIFETIME_MS, budget: { limit: 2, windowMs: 30_000 } }),
    ).toMatchObject({
      sufficient: false,
    })
    managers[0]?.start()
    await pass(LIFETIME_MS)
    const late = events.filter((event) => event.type === 'grant.renewal_late')
    expect(late.length).toBeGreaterThan(0)
    expect(late[0]?.lapsesInMs).toBeGreaterThan(0)
    expect(server.ledger.maxTokenRequestsInAnyWindow(30_000)).toBeLessThanOrEqual(2)
    await Promise.all(managers.map((manager) => manager.close()))
  })
})

describe('planRenewals', () => {
  const budget = { limit: 300, windowMs: 60_000 }
  it('knows how many grants of a year one client can keep alive', () => {
    const plan = planRenewals({ grants: 1_000_000, lifetimeMs: 365 * 86_400_000, budget })
    expect(plan.sufficient).toBe(true)
    expect(plan.availablePerWindow).toBe(270)
    expect(plan.mostGrants).toBeGreaterThan(80_000_000)
  })
  it('names the option that is wrong', () =>
    expect(() => planRenewals({ grants: -1, lifetimeMs: 1, budget })).toThrow("'grants'"))
})

describe('keep-alive, with one grant in trouble', () => {
  it('goes on renewing the others', async () => {
    const { managers } = fleet(1)
    const grant = server.issueGrant()
    await managers[0]?.saveGrant('ill', grant)
    for (const id of ['a', 'b', 'c']) await managers[0]?.saveGrant(id, server.issueGrant())
    const family = server.familyOf(grant.refresh_token) ?? ''
    server.faults.add({ kind: 'status', status: 500, family, times: 1_000 })
    managers[0]?.start()
    await pass(3.2 * LIFETIME_MS)
    for (const id of ['a', 'b', 'c']) {
      const { generation = 0 } = (await managers[0]?.status(id)) ?? {}
      expect(generation).toBeGreaterThanOrEqual(4)
    }
    await Promise.all(managers.map((manager) => manager.close()))
  })
})
