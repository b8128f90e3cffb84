import { describe, expect, it } from 'vitest'
import { knowGrant } from '../../src/grant/grant-tokens.js'
import { type Circumstances, freshUntilMs, judge, type Wanted } from '../../src/rotation/freshness.js'

const HOUR = 3_600_000

function known(changes: Partial<Parameters<typeof knowGrant>[0]> = {}, tokens: object = {}) {
  const secret = JSON.stringify({ access_token: 'a', refresh_token: 'r', ...tokens })
  return knowGrant({
    provider: 'p',
    grantId: 'g',
    chain: 'c',
    generation: 2,
    secret,
    expiresAtMs: HOUR,
    renewAtMs: (HOUR * 2) / 3,
    state: 'live',
    attempts: [],
    sends: 0,
    committedAtMs: 0,
    ...changes,
  })
}

const nothing: Wanted = { minValidityMs: undefined, notLink: undefined }
const at = (nowMs: number, changes: Partial<Circumstances> = {}): Circumstances => ({
  nowMs,
  minRotationIntervalMs: 60_000,
  replacing: false,
  ...changes,
})
const notThis: Wanted = { minValidityMs: undefined, notLink: { chain: 'c', generation: 2 } }

describe('judge', () => {
  it('uses a fresh token', () => expect(judge(known(), nothing, at(0))).toBe('use'))
  it('renews behind the back of callers from renewAt on', () =>
    expect(judge(known(), nothing, at(HOUR * 0.7))).toBe('use-and-renew'))
  it('makes callers wait in the mandatory window', () =>
    expect(judge(known(), nothing, at(HOUR - 20_000))).toBe('rotate'))
  it('keeps the mandatory window of a short-lived token short', () =>
    expect(judge(known({ expiresAtMs: 10_000, renewAtMs: null }), nothing, at(8_900))).toBe('use'))
  it('rotates an expired token however recently it came', () =>
    expect(judge(known({ expiresAtMs: 100, renewAtMs: 60 }), nothing, at(200))).toBe('rotate'))
  it('gives a longer validity by rotating', () =>
    expect(judge(known(), { ...nothing, minValidityMs: 600_000 }, at(HOUR - 500_000))).toBe('rotate'))
  it('says so when no rotation can give the validity', () =>
    expect(judge(known(), { ...nothing, minValidityMs: 2 * HOUR }, at(1_000))).toBe('unattainable'))
  it('does not rotate twice within the minimum interval', () => {
    expect(judge(known(), notThis, at(59_999))).toBe('use')
    expect(judge(known(), notThis, at(60_001))).toBe('rotate')
  })
  it('may rotate a fresh authorization at once', () =>
    expect(
      judge(known({ generation: 1 }), { ...nothing, notLink: { chain: 'c', generation: 1 } }, at(1)),
    ).toBe('rotate'))
  it('serves a grant without a refresh token until it expires', () => {
    const plain = known({}, { refresh_token: undefined })
    expect(judge(plain, nothing, at(HOUR - 1))).toBe('use')
    expect(judge(plain, nothing, at(HOUR))).toBe('dead')
  })
  it('never expires a token whose lifetime is unknown', () =>
    expect(judge(known({ expiresAtMs: null, renewAtMs: null }), nothing, at(1e15))).toBe('use'))
  it('waits while the old token is being replaced', () =>
    expect(judge(known(), nothing, at(0, { replacing: true }))).toBe('rotate'))
  it('rotates a pair that has no access token', () =>
    expect(judge(known({}, { access_token: undefined }), nothing, at(0))).toBe('rotate'))
  it('knows a dead grant', () => expect(judge(known({ state: 'dead' }), nothing, at(0))).toBe('dead'))
})

describe('freshUntilMs', () => {
  it('ends where renewal or the mandatory window begins', () => {
    expect(freshUntilMs(known())).toBe((HOUR * 2) / 3)
    expect(freshUntilMs(known({ renewAtMs: null }))).toBe(HOUR - 30_000)
    expect(freshUntilMs(known({ expiresAtMs: null, renewAtMs: null }))).toBe(Number.POSITIVE_INFINITY)
    expect(freshUntilMs(known({ state: 'dead' }))).toBe(0)
  })
})
