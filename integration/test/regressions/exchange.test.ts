/** The callback of a login: who may bring a code, how it may be written, and what becomes of its reply. */
import { EvergrantError, type GrantStatus } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { cameBack, openFleet, openManager } from './scene.js'
import { anHour, outcomeOf, stillScene, withCode } from './still-scene.js'

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

describe('a code exchange that waits for a slot of the budget', () => {
  /** The only slot of twenty seconds is used; the code has to wait for the next. */
  async function waiting(signal?: AbortSignal) {
    const scene = stillScene(undefined, { budget: { limit: 1, windowMs: 20_000 } })
    const { clock, tokens } = scene
    await tokens.saveGrant('g', anHour)
    const used = outcomeOf(tokens.getAccessToken('g', { forceRefresh: true }))
    await clock.advance(10)
    expect(used.now).toMatchObject({ generation: 2 })
    const exchanged = outcomeOf(tokens.exchangeCode('new', { ...withCode, signal }))
    await clock.advance(10)
    return { ...scene, exchanged }
  }

  // Nobody woke it: close() waited its whole time, and reported a grant as lost whose code had not been sent.
  it('ends at once when the manager is closed, and is not reported as lost', async () => {
    const { clock, tokens, exchanged, bodies } = await waiting()
    const closed = outcomeOf(tokens.close())
    await clock.advance(0)
    expect(closed.now).toBe('done')
    expect(exchanged.now).toMatchObject({ code: 'CLOSED' })
    expect(bodies).toHaveLength(1)
  })

  // It kept the process running for as long as the wait would have been.
  it('leaves no timer when its caller leaves', async () => {
    const leaving = new AbortController()
    const { clock, exchanged } = await waiting(leaving.signal)
    leaving.abort()
    await clock.advance(0)
    expect(exchanged.now).toMatchObject({ name: 'AbortError' })
    // One is left, soon: to tell the fleet that nobody waits here any more.
    await clock.advance(60_000 / 9)
    expect(clock.pendingTimers()).toBe(0)
  })
})

describe('a code exchange', () => {
  // Whatever was under way counted, sent or not.
  it('that has not connected in time is not reported as lost by close()', async () => {
    const never = (): Promise<Response> => new Promise(() => {})
    const { clock, tokens } = stillScene(undefined, {}, { fetch: never, closeTimeoutMs: 100 })
    outcomeOf(tokens.exchangeCode('new', withCode))
    await clock.advance(10)
    const closed = outcomeOf(tokens.close())
    await clock.advance(100)
    expect(closed.now).toBe('done')
  })

  // It asked as often as it could, until the store had mercy.
  it('does not storm a store that answers every save and no load', async () => {
    let saves = 0
    const { clock, tokens } = stillScene(
      undefined,
      {},
      {
        through: (store, { now }) => ({
          ...store,
          load: (key) => (saves > 0 ? Promise.reject(new Error('no replica')) : store.load(key)),
          async save(request) {
            saves += 1
            // Mercy, or this test would not end without the fix.
            if (saves > 100) return store.save(request)
            return { status: 'missing', nowMs: now() }
          },
        }),
      },
    )
    outcomeOf(tokens.exchangeCode('new', withCode))
    await clock.advance(1_000)
    expect(saves).toBeGreaterThan(2)
    expect(saves).toBeLessThan(30)
  })

  // The credentials were forgotten by then, which was told as something unexpected.
  it('whose manager is closed while the store is looked at says so, and asks for nothing more', async () => {
    const asked: string[] = []
    let answer = (): void => {}
    const { clock, tokens } = stillScene(
      undefined,
      {},
      {
        through: (store) => ({
          ...store,
          async load(key) {
            await new Promise<void>((resolve) => {
              answer = resolve
            })
            return store.load(key)
          },
          takeBudget(request) {
            asked.push(request.slot)
            return store.takeBudget(request)
          },
        }),
      },
    )
    const exchanged = outcomeOf(tokens.exchangeCode('new', withCode))
    await tokens.close()
    answer()
    await clock.advance(0)
    expect(exchanged.now).toMatchObject({ code: 'CLOSED' })
    expect(asked).toEqual([])
  })

  // The error of the client authentication took the place of ours, and quoted what it liked.
  it('whose reply is refused says so though its tokens cannot be revoked', async () => {
    let calls = 0
    const { clock, tokens } = stillScene(
      () => Response.json({ access_token: 'x', refresh_token: 'y', token_type: 'mac' }),
      {
        revocationEndpoint: 'https://as.example/revoke',
        clientAuthentication: () => {
          calls += 1
          if (calls > 1) throw new Error('the key is hunter2')
        },
      },
    )
    const exchanged = outcomeOf(tokens.exchangeCode('new', withCode))
    await clock.advance(0)
    expect(calls).toBe(2)
    expect(exchanged.now).toMatchObject({ code: 'INVALID_REPLY', reason: 'unsupported_token_type' })
  })

  // Only a code that was taken ended it; one that was refused left all grants paused for another probe.
  it('whose code is refused ends the pause of a client that is accepted again', async () => {
    const errors = ['invalid_client', 'invalid_grant']
    const { clock, tokens } = stillScene(() => Response.json({ error: errors.shift() }, { status: 400 }))
    const first = tokens.exchangeCode('new', withCode)
    await expect(first).rejects.toMatchObject({ code: 'CLIENT_REJECTED' })
    await clock.advance(6_000)
    const probe = tokens.exchangeCode('new', withCode)
    await expect(probe).rejects.toMatchObject({ code: 'AUTHORIZATION_FAILED' })
    expect(await tokens.health()).toMatchObject({ clientPausedForMs: 0 })
  })
})
