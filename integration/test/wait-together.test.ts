import { createTokenManager, memoryStore, passolution, systemClock, type TokenManager } from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'

const LONG_MS = 400 * 86_400_000

let server: AuthorizationServer
let tokens: TokenManager
let aheadMs: number
let timers: number
let refreshToken: string

beforeEach(async () => {
  server = await startAuthorizationServer({ preset: 'passolution' })
  aheadMs = 0
  timers = 0
  const stoodStillAt = performance.now()
  // Time stands still for the manager unless a test lets it pass: what is one moment does not depend on the machine.
  const clock = {
    ...systemClock,
    now: () => 1_700_000_000_000 + aheadMs,
    monotonic: () => stoodStillAt + aheadMs,
    setTimeout(run: () => void, delayMs: number) {
      timers += 1
      return systemClock.setTimeout(run, delayMs)
    },
  }
  const { origin, clientId, clientSecret } = server
  tokens = createTokenManager({
    provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
    store: memoryStore({ now: clock.now }),
    clock,
  })
  const grant = server.issueGrant()
  refreshToken = grant.refresh_token
  await tokens.saveGrant('agency', grant)
})

afterEach(async () => {
  await tokens.close()
  await server.close()
})

/** Lets everything grow old, and holds the next token request. */
function expire() {
  aheadMs += LONG_MS
  return server.gate({ path: 'token', when: 'before' })
}

it('ten thousand callers at an expiry wait as one: one promise, no more timers than one caller takes', async () => {
  let gate = expire()
  let before = timers
  const alone = tokens.getAccessToken('agency')
  await gate.arrived(1)
  const timersOfOne = timers - before
  gate.open()
  await alone

  gate = expire()
  before = timers
  const waiting = Array.from({ length: 10_000 }, () => tokens.getAccessToken('agency'))
  await gate.arrived(1)
  expect(new Set(waiting).size).toBe(1)
  expect(timers - before).toBe(timersOfOne)
  gate.open()
  expect((await waiting[0])?.generation).toBe(3)
  expect(server.ledger.tokenRequests()).toHaveLength(2)
})

it('whose signal aborts leaves alone, be it the first who asked', async () => {
  const gate = expire()
  const leaver = new AbortController()
  const stayer = new AbortController()
  const left = tokens.getAccessToken('agency', { signal: leaver.signal })
  const leftToo = tokens.getAccessToken('agency', { signal: leaver.signal })
  const stayed = tokens.getAccessToken('agency', { signal: stayer.signal })
  await gate.arrived(1)
  leaver.abort(new Error('gone'))
  await expect(left).rejects.toThrow('gone')
  await expect(leftToo).rejects.toThrow('gone')
  await expect(tokens.getAccessToken('agency', { signal: leaver.signal })).rejects.toThrow('gone')
  gate.open()
  expect((await stayed).generation).toBe(2)
})

it('nobody gets the answer to a question that was asked before the token was rejected', async () => {
  const token = await tokens.getAccessToken('agency')
  const gate = server.gate({ path: 'token', when: 'before' })
  const replacement = tokens.reportRejected(token)
  await gate.arrived(1)
  const later = tokens.getAccessToken('agency')
  gate.open()
  expect((await later).generation).toBe(2)
  expect(await replacement).toBe(await later)
})

it('nobody waits for a rotation that a new authorization has made needless', async () => {
  const gate = expire()
  const waiting = tokens.getAccessToken('agency')
  await gate.arrived(1)
  await tokens.saveGrant('agency', server.issueGrant())
  const later = tokens.getAccessToken('agency')
  expect(later).not.toBe(waiting)
  const { chain } = await later
  gate.open()
  expect((await waiting).chain).toBe(chain)
})

it('who comes a moment later, or says how long it waits, has a deadline of its own', async () => {
  const gate = expire()
  const first = tokens.getAccessToken('agency')
  await gate.arrived(1)
  const second = tokens.getAccessToken('agency')
  expect(tokens.getAccessToken('agency')).toBe(second)
  expect(tokens.getAccessToken('agency', { timeoutMs: 5_000 })).not.toBe(second)
  aheadMs += 2
  expect(tokens.getAccessToken('agency')).not.toBe(second)
  gate.open()
  expect(await second).toBe(await first)
})

it('a failure reaches everybody who waited as one, and nobody who asks later', async () => {
  const gate = expire()
  const waiting = Promise.allSettled(Array.from({ length: 100 }, () => tokens.getAccessToken('agency')))
  await gate.arrived(1)
  server.revokeFamily(server.familyOf(refreshToken) ?? '')
  gate.open()
  const outcomes = await waiting
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(100)
  await tokens.saveGrant('agency', server.issueGrant())
  expect((await tokens.getAccessToken('agency')).generation).toBe(1)
})
