/** A new authorization, or the removal of the grant, between any two steps of a rotation. */
import { afterEach, describe, expect, it } from 'vitest'
import type { GatedStore } from './gated-store.js'
import { type Member, type SmallFleet, startFleet } from './small-fleet.js'

let fleet: SmallFleet

afterEach(() => fleet.close())

type Point = readonly [name: string, hold: (a: Member) => { arrived: Promise<void>; open(): void }]

const storePoint = (step: Parameters<GatedStore['hold']>[0], when: 'before' | 'after'): Point => [
  `${when} ${step}`,
  (a) => a.store.hold(step, when),
]
const serverPoint = (when: 'before' | 'between' | 'after'): Point => [
  `at the server, ${when} consuming`,
  () => {
    const gate = fleet.server.gate({ path: 'token', when })
    return { arrived: gate.arrived(), open: () => gate.open() }
  },
]

/** Every await of a rotation. */
const points: Point[] = [
  storePoint('acquire', 'before'),
  storePoint('acquire', 'after'),
  storePoint('takeBudget', 'before'),
  storePoint('takeBudget', 'after'),
  storePoint('arm', 'before'),
  storePoint('arm', 'after'),
  serverPoint('before'),
  serverPoint('between'),
  serverPoint('after'),
  storePoint('commit', 'before'),
  storePoint('commit', 'after'),
]

const servers = ['passolution', 'oidcProvider'] as const
const cases = servers.flatMap((preset) => points.map(([name, hold]) => [preset, name, hold] as const))

describe('in the middle of a rotation', () => {
  describe.each(['the rotating', 'another'] as const)('an authorization saved by %s process wins', (who) => {
    it.each(cases)('%s, %s', async (preset, _, hold) => {
      fleet = await startFleet({ preset })
      const [a, b] = [fleet.member(), fleet.member()]
      await a.tokens.saveGrant('g', fleet.server.issueGrant())
      await b.tokens.getAccessToken('g')
      const gate = hold(a)
      const rotating = a.tokens.getAccessToken('g', { forceRefresh: true })
      await gate.arrived
      const saver = who === 'another' ? b : a
      const grant = fleet.server.issueGrant()
      const saved = await saver.tokens.saveGrant('g', grant)
      gate.open()
      expect((await rotating).chain).toBe(saved.chain)
      for (const { tokens } of [a, b]) {
        const token = await tokens.getAccessToken('g')
        expect(token.chain).toBe(saved.chain)
        const response = await fetch(fleet.server.apiUrl, {
          headers: { authorization: `Bearer ${token.reveal()}` },
        })
        expect(response.status).toBe(200)
        await response.text()
      }
      expect(fleet.server.isAlive(grant.refresh_token)).toBe(true)
      expect(fleet.server.ledger.doubleSpends()).toHaveLength(0)
      expect(await b.tokens.status('g')).toMatchObject({ chain: saved.chain, generation: 1, state: 'live' })
    })
  })

  it.each(cases)('a removal stands, and what came late is revoked: %s, %s', async (preset, _, hold) => {
    fleet = await startFleet({ preset })
    const [a, b] = [fleet.member(), fleet.member()]
    const grant = fleet.server.issueGrant()
    await a.tokens.saveGrant('g', grant)
    const gate = hold(a)
    const rotating = a.tokens.getAccessToken('g', { forceRefresh: true }).then(
      ({ generation }) => generation,
      ({ code }) => code,
    )
    await gate.arrived
    expect((await b.tokens.revoke('g')).removed).toBe(true)
    gate.open()
    expect(['GRANT_NOT_FOUND', 2]).toContain(await rotating)
    expect(await a.tokens.status('g')).toBeUndefined()
    await expect(a.tokens.getAccessToken('g')).rejects.toMatchObject({ code: 'GRANT_NOT_FOUND' })
    await a.tokens.close()
    // Nothing of the grant is left alive at the server, also not a successor that was read after the removal.
    for (const entry of fleet.server.ledger.rotations()) expect(entry.family).not.toBeNull()
    expect(fleet.server.isAlive(grant.refresh_token)).toBe(false)
    const families = new Set(fleet.server.ledger.familiesRevoked().map(({ family }) => family))
    expect(families.has(fleet.server.familyOf(grant.refresh_token) ?? '')).toBe(true)
  })
})
