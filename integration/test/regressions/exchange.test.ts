/** The callback of a login: who may bring a code, how it may be written, and what becomes of its reply. */
import { EvergrantError, type GrantStatus } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { cameBack, openFleet, openManager } from './scene.js'

describe('a code', () => {
  // Two missing values compared as equal: any code was taken, that of an attacker too.
  const sessions: [string, { state?: string; codeVerifier?: string }][] = [
    ['has no login in progress', {}],
    ['has empty values only', { state: '', codeVerifier: '' }],
    ['lacks the state', { codeVerifier: 'x'.repeat(43) }],
    ['lacks the code verifier', { state: 's' }],
  ]
  it.each(sessions)('is not taken from a session that %s', async (_, session) => {
    const fleet = await openFleet({ preset: 'passolution' })
    const { tokens } = fleet.member()
    const query = new URLSearchParams({ code: fleet.server.issueCode({ sub: 'attacker' }), ...session })
    query.delete('codeVerifier')
    if (!session.state) query.delete('state')
    const exchanged = tokens.exchangeCode('victim', {
      callback: query,
      state: session.state as string,
      codeVerifier: session.codeVerifier as string,
      redirectUri: 'http://localhost/callback',
    })
    await expect(exchanged).rejects.toThrow(TypeError)
    await expect(exchanged).rejects.toThrow(/option '(state|codeVerifier)'/)
    expect(fleet.server.ledger.tokenRequests()).toHaveLength(0)
    expect(await tokens.status('victim')).toBeUndefined()
  })

  // A bare query was read as a path.
  it('is found in a query alone, as it is in a path and in a whole URL', async () => {
    const fleet = await openFleet({ preset: 'passolution' })
    const { tokens } = fleet.member()
    for (const before of ['', '?', '/callback?', 'http://localhost/callback?']) {
      const options = cameBack(fleet.server)
      const callback = `${before}${String(options.callback)}`
      expect(await tokens.exchangeCode('g', { ...options, callback })).toMatchObject({ state: 'live' })
    }
  })
})

describe('the reply to a code', () => {
  // It was refused after the code was spent, and its tokens were left alive at the provider.
  it.each([
    ['a strange token_type', { token_type: 'mac' }, 'unsupported_token_type'],
    ['an access token of two lines', { access_token: 'one\ntwo' }, 'unusable_access_token'],
  ])('with %s is refused, and what it brought is revoked', async (_, fields, reason) => {
    const fleet = await openFleet({ preset: 'passolution' })
    const { tokens } = fleet.member()
    fleet.server.faults.add({ kind: 'reply-fields', fields })
    const exchanged = tokens.exchangeCode('g', cameBack(fleet.server))
    await expect(exchanged).rejects.toMatchObject({ code: 'INVALID_REPLY', reason })
    expect(await tokens.status('g')).toBeUndefined()
    const [issued] = fleet.server.ledger.tokenRequests()
    const [revoked] = fleet.server.ledger.revokeRequests()
    expect(revoked?.presented).toBe(issued?.issuedRefreshToken)
    expect(fleet.server.ledger.familiesRevoked('revocation-endpoint')).toHaveLength(1)
  })
})

describe('a code exchange', () => {
  // The repetition was saved over the authorization that another process had stored since.
  it('whose save was done but not answered does not undo a newer authorization', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const b = fleet.member()
    let newer: GrantStatus | undefined
    const tokens = openManager({
      provider: fleet.facts,
      clock: fleet.clock,
      store: {
        ...fleet.store,
        async save(request) {
          const answer = await fleet.store.save(request)
          if (newer) return answer
          newer = await b.tokens.saveGrant('g', fleet.server.issueGrant())
          throw new EvergrantError('STORE_UNAVAILABLE', 'The answer was lost')
        },
      },
    })
    const exchanged = await tokens.exchangeCode('g', cameBack(fleet.server))
    expect(exchanged.chain).toBe(newer?.chain)
    expect((await b.tokens.status('g'))?.chain).toBe(newer?.chain)
  })
})
