import { describe, expect, it } from 'vitest'
import { passolution } from '../../src/provider/passolution.js'
import { classifyReply } from '../../src/token-endpoint/classify-reply.js'
import { parseLimits, parseRetryAfter } from '../../src/token-endpoint/parse-limits.js'
import { parseBody } from '../../src/token-endpoint/parse-reply.js'
import { checkBearer, lifetimeMs, successorPair } from '../../src/token-endpoint/successor.js'

const facts = passolution({ clientId: 'c', clientSecret: 's' })

function meaning(status: number, text: string, complete = true) {
  const { members, wellFormed } = parseBody(text, complete)
  const limits = { retryAfterMs: undefined, usedUpForMs: undefined }
  return classifyReply({ status, members, wellFormed, ...limits }, facts).kind
}

const whole = '{"expires_in":31536000,"access_token":"eyJ.a","refresh_token":"def50200"}'

describe('classifyReply, told what the body is', () => {
  it.each([
    ['the documented reply', 200, whole, 'rotated'],
    ['a successor with a strange status', 500, whole, 'rotated'],
    ['a refresh token without an access token', 200, '{"refresh_token":"r"}', 'rotated'],
    ['an access token without a refresh token', 200, '{"access_token":"a"}', 'rotated'],
    ['a successor followed by rubbish', 200, `${whole.slice(0, -1)},"x":`, 'rotated'],
    ['only the access token of a damaged reply', 200, '{"access_token":"a","refr', 'unknown'],
    ['half a refresh token', 200, '{"access_token":"a","refresh_token":"de', 'unknown'],
    ['form encoding', 200, 'access_token=a&refresh_token=b&expires_in=1', 'rotated'],
    ['invalid_grant', 400, '{"error":"invalid_grant"}', 'refused'],
    ['invalid_grant with HTTP 200', 200, '{"error":"invalid_grant"}', 'refused'],
    ['invalid_grant with HTTP 500', 500, '{"error":"invalid_grant"}', 'refused'],
    [
      'the older shape of a refusal',
      401,
      '{"error":"invalid_request","error_description":"The refresh token is invalid.","hint":"Token has been revoked"}',
      'refused',
    ],
    [
      'invalid_request for a missing parameter',
      400,
      '{"error":"invalid_request","hint":"Check the `client_id` parameter"}',
      'trouble',
    ],
    ['invalid_client', 401, '{"error":"invalid_client"}', 'client-rejected'],
    ['unauthorized_client', 403, '{"error":"unauthorized_client"}', 'trouble'],
    ['a throttle', 429, '{"message":"Too Many Attempts."}', 'unspent'],
    ['a bad gateway', 502, '<html>', 'unknown'],
    ['a page with HTTP 200', 200, '<html>refresh_token</html>', 'unknown'],
    ['an empty 200', 200, '', 'unknown'],
    ['a firewall', 403, '<html>', 'trouble'],
    ['an array', 200, '[]', 'unknown'],
  ])('%s', (_, status, body, kind) => expect(meaning(status, body)).toBe(kind))

  it('keeps a successor whose body was cut after it', () =>
    expect(meaning(200, whole.slice(0, -1), false)).toBe('rotated'))
})

describe('parseBody', () => {
  it('takes only whole members out of a damaged body, escapes undone', () => {
    const { members } = parseBody('{"refresh_token":"a\\u002fb\\"c","expires_in":60,"scope":"x', false)
    expect(members).toEqual({ refresh_token: 'a/b"c', expires_in: 60 })
  })
})

describe('lifetimeMs', () => {
  it.each([
    [31_536_000, 31_536_000_000],
    ['3600', 3_600_000],
    [undefined, undefined],
    [-5, undefined],
    [0, undefined],
    ['', undefined],
    ['soon', undefined],
    [Number.NaN, undefined],
    [null, undefined],
  ])('%s is %s', (given, expected) => expect(lifetimeMs(given)).toBe(expected))

  it('cuts what no clock can hold', () => expect(lifetimeMs(1e300)).toBeLessThan(Number.MAX_SAFE_INTEGER))
})

describe('successorPair', () => {
  const key = { provider: 'p', grantId: 'g' }
  const context = { key, facts, previous: undefined, grantType: 'refresh_token', sentAtMs: 1_000 } as const

  it('counts the lifetime from before the request was sent and renews at about two thirds', () => {
    const { expiresAtMs, renewAtMs } = successorPair(JSON.parse(whole), context)
    expect(expiresAtMs).toBe(1_000 + 31_536_000_000)
    const share = ((renewAtMs ?? 0) - 1_000) / 31_536_000_000
    expect(share).toBeGreaterThan(0.6)
    expect(share).toBeLessThan(0.72)
  })

  it('spreads renewals of many grants, each at its own stable point', () => {
    const renewals = Array.from({ length: 200 }, (_, n) => {
      const pair = successorPair(JSON.parse(whole), { ...context, key: { provider: 'p', grantId: `g${n}` } })
      return pair.renewAtMs ?? 0
    })
    expect(new Set(renewals).size).toBeGreaterThan(195)
    const again = successorPair(JSON.parse(whole), { ...context, key: { provider: 'p', grantId: 'g7' } })
    expect(again.renewAtMs).toBe(renewals[7])
  })

  it('renews within the refresh token’s own life where that is shorter', () => {
    const pair = successorPair(JSON.parse(whole), {
      ...context,
      facts: { ...facts, refreshTokenLifetimeMs: 100_000 },
    })
    expect(pair.renewAtMs).toBeLessThan(100_000)
  })
})

describe('parseRetryAfter', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  it.each([
    ['120', 120_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 00:00:30 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['1e9', undefined],
    [null, undefined],
  ])('%s is %s ms', (header, expected) => expect(parseRetryAfter(header, now)).toBe(expected))
})

describe('checkBearer', () => {
  it('accepts bearer in any case, and none', () => {
    for (const token_type of ['Bearer', 'bearer', 'BEARER', undefined]) checkBearer({ token_type })
  })
  it('refuses what cannot be sent as a bearer token', () => {
    for (const token_type of ['DPoP', 'mac', '', 7]) expect(() => checkBearer({ token_type })).toThrow()
  })
})

describe('parseLimits', () => {
  const nowMs = Date.parse('2026-11-25T10:00:00Z')
  const inAMinute = String(nowMs / 1000 + 60)
  it.each([
    ['a limit with something left', { 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '60' }, undefined],
    ['used up, and no word until when', { 'x-ratelimit-remaining': '0' }, undefined],
    ['seconds from now', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' }, 60_000],
    ['an instant in seconds', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': inAMinute }, 60_000],
    ['one in ms', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(nowMs + 60_000) }, 60_000],
    ['headers without X-', { 'ratelimit-remaining': '0', 'ratelimit-reset': '60' }, 60_000],
    ['Retry-After alone', { 'x-ratelimit-remaining': '0', 'retry-after': '7' }, 7_000],
    ['an instant in the past', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1700000000' }, 0],
    ['centuries', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '99999999999999' }, 3_600_000],
    ['rubbish', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'soon' }, undefined],
    [
      'an instant on a clock that is ten minutes ahead',
      {
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(nowMs / 1000 + 660),
        date: new Date(nowMs + 600_000).toUTCString(),
      },
      60_000,
    ],
  ])('%s', (_, headers, usedUpForMs) => {
    expect(parseLimits(new Headers(headers), nowMs).usedUpForMs).toBe(usedUpForMs)
  })

  it('takes the reset of a 429 without Retry-After', () => {
    expect(parseLimits(new Headers({ 'x-ratelimit-reset': '30' }), nowMs).retryAfterMs).toBe(30_000)
  })
})
