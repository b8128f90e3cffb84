/**
 * The counterexamples of the model-checked protocol (docs/rotation.md), each forced by gates. Without the chain,
 * arm, settle or the lease of fail, each of these ends in a lost grant.
 */
import { createTokenManager } from '@evergrant/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { gatedStore } from './gated-store.js'
import { type Member, type SmallFleet, shortTimings, startFleet } from './small-fleet.js'

let fleet: SmallFleet

afterEach(() => fleet.close())

const key = { provider: 'emulated', grantId: 'g' }
const refusing = { preset: 'passolution' } as const
const revoking = { preset: 'oidcProvider' } as const

/** Two members that know generation 1, whose token is no longer good enough for a caller. */
async function twoMembers(): Promise<[Member, Member]> {
  const [a, b] = [fleet.member(), fleet.member()]
  await a.tokens.saveGrant('g', fleet.server.issueGrant())
  await a.tokens.getAccessToken('g')
  await b.tokens.getAccessToken('g')
  return [a, b]
}

const force = (member: Member) => member.tokens.getAccessToken('g', { forceRefresh: true })

async function stored() {
  const { record } = await fleet.store.load(key)
  if (!record) throw new Error('the grant is gone')
  return record
}

/** A holds the successor in its hands and cannot store it yet; its lease is over. */
async function successorInHand(a: Member): Promise<{ open(): void; rotated: Promise<unknown> }> {
  const commit = a.store.hold('commit', 'before', 'every')
  const rotated = force(a)
  await commit.arrived
  fleet.clock.jump(5_000)
  return { open: commit.open, rotated }
}

/**
 * A process that is about to arm stands still, and its clocks do not show it: a paused virtual machine. B sends
 * meanwhile, then the process's old question gets it the lease once more, and it wakes.
 */
async function overtakenInItsSleep(b: Member, first = async (): Promise<void> => {}): Promise<void> {
  const own = gatedStore(fleet.store)
  const acquire = vi.spyOn(fleet.store, 'acquire')
  const paused = createTokenManager({ provider: fleet.facts, store: own, timings: shortTimings })
  try {
    const arm = own.hold('arm', 'before')
    const rotated = paused.getAccessToken('g', { forceRefresh: true })
    await arm.arrived
    fleet.clock.jump(5_000)
    await first()
    const commit = b.store.hold('commit', 'before', 'every')
    const others = force(b)
    await commit.arrived
    expect((await stored()).sends).toBe(1)
    fleet.clock.jump(5_000)
    const [late] = acquire.mock.calls[0] ?? []
    if (!late) throw new Error('the lease was never asked for')
    expect(await fleet.store.acquire(late)).toMatchObject({ status: 'acquired' })
    arm.open()
    commit.open()
    const [ours, theirs] = await Promise.all([rotated, others])
    expect([ours.generation, theirs.generation]).toEqual([2, 2])
    expectOneSpend()
  } finally {
    await paused.close()
  }
}

function expectOneSpend(): void {
  expect(fleet.server.ledger.tokenRequests()).toHaveLength(1)
  expect(fleet.server.ledger.doubleSpends()).toHaveLength(0)
  expect(fleet.server.ledger.familiesRevoked()).toHaveLength(0)
}

describe('counterexamples', () => {
  it('C1: a rotation of the old authorization does not replace the new one', async () => {
    fleet = await startFleet(refusing)
    const [a, b] = await twoMembers()
    const reply = fleet.server.gate({ path: 'token', when: 'after' })
    const rotated = force(a)
    await reply.arrived()
    const saved = await b.tokens.saveGrant('g', fleet.server.issueGrant())
    reply.open()
    expect((await rotated).chain).toBe(saved.chain)
    expect(await stored()).toMatchObject({ chain: saved.chain, generation: 1, state: 'live' })
  })

  it('C2: a process that still knows the old authorization neither spends for nor kills the new one', async () => {
    fleet = await startFleet(refusing)
    const [a, b] = await twoMembers()
    await force(a)
    const acquire = b.store.hold('acquire', 'before')
    const late = force(b)
    await acquire.arrived
    const saved = await a.tokens.saveGrant('g', fleet.server.issueGrant())
    acquire.open()
    expect((await late).chain).toBe(saved.chain)
    expect(await stored()).toMatchObject({ chain: saved.chain, generation: 1, state: 'live' })
    expectOneSpend()
  })

  it.each([
    ['C3', revoking],
    ['C4', revoking],
    ['C6', refusing],
    ['C8', { preset: 'latestPairWins' } as const],
  ])('%s: who finds an attempt open waits, and adopts the successor that arrives', async (_, kind) => {
    fleet = await startFleet(kind)
    const [a, b] = await twoMembers()
    const { open, rotated } = await successorInHand(a)
    const acquire = b.store.hold('acquire', 'after')
    const other = force(b)
    await acquire.arrived
    acquire.open()
    open()
    expect((await other).generation).toBe(2)
    expect(((await rotated) as { generation: number }).generation).toBe(2)
    expect(await stored()).toMatchObject({ generation: 2, state: 'live' })
    expectOneSpend()
  })

  it('C3: arm refuses a good lease of a link whose successor was stored', async () => {
    fleet = await startFleet(revoking)
    const [a, b] = await twoMembers()
    const { open, rotated } = await successorInHand(a)
    // B settles in vain (its own time runs on), then is held at the very last store step.
    const arm = b.store.hold('arm', 'before')
    fleet.server.expireAccessTokens()
    const first = await b.tokens.getAccessToken('g')
    const other = b.tokens.reportRejected(first)
    await arm.arrived
    open()
    await rotated
    arm.open()
    expect((await other)?.generation).toBe(2)
    expectOneSpend()
  })

  it('C5: time in which the store was away does not count as settling', async () => {
    fleet = await startFleet(revoking)
    const [a, b] = await twoMembers()
    const commit = a.store.hold('commit', 'before')
    const rotated = force(a)
    await commit.arrived
    a.store.away = true
    b.store.away = true
    commit.open()
    // The callers of the process that read it have the successor although the store is away.
    expect((await rotated).generation).toBe(2)
    const other = force(b)
    fleet.clock.jump(10_000)
    a.store.away = false
    b.store.away = false
    expect((await other).generation).toBe(2)
    expectOneSpend()
  })

  it('C7: who was refused after its lease ended does not mark the grant dead', async () => {
    fleet = await startFleet(refusing)
    const [a, b] = await twoMembers()
    fleet.server.faults.add({ kind: 'error', error: 'invalid_grant' })
    const fail = b.store.hold('fail', 'before')
    const refused = force(b)
    await fail.arrived
    fleet.clock.jump(5_000)
    const acquire = a.store.hold('acquire', 'after')
    const holder = force(a)
    await acquire.arrived
    fail.open()
    acquire.open()
    // The server's word was a lie told once: the holder of the lease gets its successor, and nothing died.
    expect((await holder).generation).toBe(2)
    expect((await refused).generation).toBe(2)
    expect(await stored()).toMatchObject({ generation: 2, state: 'live' })
    expect(b.events.some(({ type }) => type === 'grant.reauthorization_required')).toBe(false)
  })

  // Found by the simulation (seed 70475): arm was answered, for the lease was there, and the token was sent twice.
  it('C12: a late question that gets the lease once more arms nothing after another has sent', async () => {
    fleet = await startFleet(revoking)
    const [, b] = await twoMembers()
    await overtakenInItsSleep(b)
  })

  // The number of sends tells nothing: one that was seen was taken back, and another came (simulation, seed 66415).
  it('C13: nor when as many sends are counted as the process saw', async () => {
    fleet = await startFleet(refusing, { reuse: 'refused' })
    const [, b] = await twoMembers()
    const { chain, generation } = await stored()
    const seen = { ...key, chain, generation, attempt: 'seen' }
    const lease = await fleet.store.acquire({ ...seen, ttlMs: 1_000, maxHoldMs: 1_000 })
    if (lease.status !== 'acquired') throw new Error(`the lease is not free: ${lease.status}`)
    await fleet.store.arm({ ...seen, ttlMs: 1_000, heldSinceMs: lease.heldSinceMs })
    await fleet.store.release({ ...seen, outcome: 'lost' })
    await overtakenInItsSleep(b, () => fleet.store.release({ ...seen, outcome: 'not-sent' }))
  })
})
