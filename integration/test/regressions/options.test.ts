/** A typo in an option is told at construction, by name: silently it would mean the less careful choice. */
import { createTokenManager, memoryStore, oauth2Provider, type Timings } from '@evergrant/core'
import { describe, expect, it } from 'vitest'

const provider = (more: object) =>
  oauth2Provider({ id: 'p', clientId: 'c', tokenEndpoint: 'https://x.test/token', ...more })

const manager = (timings: Partial<Timings>) =>
  createTokenManager({ provider: provider({}), store: memoryStore(), timings })

/** Names the option in words of ours. */
function expectRefused(make: () => unknown, name: string): void {
  expect(make).toThrow(TypeError)
  expect(make).toThrow(`option '${name}'`)
}

describe('a fact of a provider', () => {
  // A value that is none of the two worked as the other one.
  it.each([
    ['reuse', ['refused', 'revokes-grant'], ['revokes', 'REFUSED', '', null]],
    ['oldAccessToken', ['lives-on', 'dies'], ['die', 'LIVES-ON', '', null]],
    ['requestFormat', ['form', 'json'], ['JSON', 'urlencoded', '', null]],
  ])('is taken only as one of its values: %s', (name, good, bad) => {
    for (const value of good) expect(provider({ [name]: value })).toMatchObject({ [name]: value })
    for (const value of bad) expectRefused(() => provider({ [name]: value }), name)
  })

  // A life that is over at once made every call rotate.
  it.each(['accessTokenLifetimeMs', 'refreshTokenLifetimeMs'])('is not shorter than a second: %s', (name) => {
    expect(provider({ [name]: 1_000 })).toMatchObject({ [name]: 1_000 })
    for (const lifeMs of [0, 10, 999, -1, Number.NaN, '3600000']) {
      expectRefused(() => provider({ [name]: lifeMs }), name)
    }
  })

  // A refusal that can never match, or one that matches everything.
  it.each([
    ['texts to look for', { error: 'x', containing: { member: 'hint' } }],
    ['one text at least', { error: 'x', containing: { member: 'hint', anyOf: [] } }],
    ['the member to look into', { error: 'x', containing: { anyOf: ['y'] } }],
    ['the error code', { status: 401 }],
    ['an error code that is not empty', { error: '' }],
  ])('that tells refusals must have %s', (_, refusal) => {
    expectRefused(() => provider({ refusals: [refusal] }), 'refusals')
  })

  it('that tells refusals is taken with all that it needs', () => {
    const refusals = [{ error: 'x' }, { error: 'x', containing: { member: 'hint', anyOf: ['y'] } }]
    expect(provider({ refusals })).toMatchObject({ refusals })
    const incomplete = [...refusals, { error: 'x', containing: { member: 'hint' } }]
    expectRefused(() => provider({ refusals: incomplete }), 'refusals')
  })

  // Tokens would have travelled in the open, or nowhere.
  it('that tells the origins of the API takes them over TLS only', () => {
    const apiOrigins = ['https://api.example.com', 'http://localhost:8080']
    expect(provider({ apiOrigins })).toMatchObject({ apiOrigins })
    for (const origin of ['http://api.example.com', 'api.example.com', 'ftp://api.example.com', '']) {
      expectRefused(() => provider({ apiOrigins: [origin] }), 'apiOrigins')
    }
  })
})

describe('timings', () => {
  // The armed lease never had room for the request: every try was too late, for ever.
  it.each([
    ['by a longer request', { requestTimeoutMs: 19_999 }, { requestTimeoutMs: 16_000 }],
    ['by a shorter lease', { armedLeaseMs: 17_999 }, { armedLeaseMs: 18_000 }],
    [
      'by both',
      { requestTimeoutMs: 1_000, armedLeaseMs: 1_199 },
      { requestTimeoutMs: 1_000, armedLeaseMs: 1_200 },
    ],
  ])('must leave a request its time under the armed lease: %s', (_, bad, good) => {
    expectRefused(() => manager(bad), 'timings.armedLeaseMs')
    expect(() => manager(good)).not.toThrow()
  })
})
