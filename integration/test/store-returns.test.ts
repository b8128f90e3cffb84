/** The store goes away right after the reply was read, for longer than the lease, while others wait for the grant. */
import { afterEach, expect, it } from 'vitest'
import { type SmallFleet, startFleet } from './small-fleet.js'

const GRANTS = 100

let fleet: SmallFleet

afterEach(() => fleet.close())

it(`${GRANTS} of ${GRANTS} first commits are the holder's when the store comes back with three processes waiting`, async () => {
  fleet = await startFleet({ preset: 'oidcProvider', throttle: null })
  const [holder, ...others] = [fleet.member(), fleet.member(), fleet.member(), fleet.member()] as const
  const ids = Array.from({ length: GRANTS }, (_, n) => `g${n}`)
  for (const id of ids) await holder.tokens.saveGrant(id, fleet.server.issueGrant())
  await Promise.all(others.flatMap(({ tokens }) => ids.map((id) => tokens.getAccessToken(id))))
  fleet.clock.jump(3_600_000)

  // Every reply is held until the store is gone: the successors are read, and cannot be stored.
  const replies = fleet.server.gate({ path: 'token', when: 'after' })
  const held = ids.map((id) => holder.tokens.getAccessToken(id))
  await replies.arrived(GRANTS)
  for (const { store } of [holder, ...others]) store.away = true
  replies.open()
  for (const token of await Promise.all(held)) expect(token.generation).toBe(2)

  const waiting = others.flatMap(({ tokens }) => ids.map((id) => tokens.getAccessToken(id)))
  const outcomes = Promise.allSettled(waiting)
  fleet.clock.jump(6_000)
  for (const { store } of [holder, ...others]) store.away = false
  for (const outcome of await outcomes)
    expect(outcome).toMatchObject({ status: 'fulfilled', value: { generation: 2 } })

  const rotated = ({ events }: { events: { type: string }[] }) =>
    events.filter(({ type }) => type === 'grant.rotated')
  expect(rotated(holder)).toHaveLength(GRANTS)
  for (const other of others) expect(rotated(other)).toHaveLength(0)
  expect(fleet.server.ledger.tokenRequests()).toHaveLength(GRANTS)
  expect(fleet.server.ledger.doubleSpends()).toHaveLength(0)
})

it('hands out cached tokens that still work while the store is away, and rotates nothing', async () => {
  fleet = await startFleet({ preset: 'passolution' }, { oldAccessToken: 'dies' })
  const member = fleet.member()
  await member.tokens.saveGrant('g', fleet.server.issueGrant())
  await member.tokens.getAccessToken('g')
  member.store.away = true
  expect((await member.tokens.getAccessToken('g')).generation).toBe(1)
  const forced = member.tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 400 })
  await expect(forced).rejects.toMatchObject({ code: expect.stringMatching(/^(TIMEOUT|STORE_UNAVAILABLE)$/) })
  expect(fleet.server.ledger.tokenRequests()).toHaveLength(0)
  member.store.away = false
  expect((await member.tokens.getAccessToken('g', { forceRefresh: true })).generation).toBe(2)
})
