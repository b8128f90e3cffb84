/** Errors of the runtime and of others quote what they were given: none of them may come through. */
import { inspect } from 'node:util'
import { fetchWithTokens, memoryStore, oauth2Provider } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { openServer } from './plain-server.js'
import { cameBack, openFleet, openManager } from './scene.js'

const SECRET = 'canary-secret'

/** What went wrong, after a look at all of it for the canary. */
async function silentError(work: Promise<unknown>): Promise<unknown> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(Error)
  const texts = [inspect(error, { depth: 10, showHidden: true, getters: true }), String(error)]
  expect(texts.join('\n')).not.toContain(SECRET)
  return error
}

const unspeakable = [
  ['a line break', `${SECRET}\nmore`],
  ['a character beyond Latin-1', `${SECRET}€`],
  ['a NUL', `${SECRET}\0`],
] as const

describe('an access token that no header can carry', () => {
  // The runtime quoted it when it was put into a header.
  it.each(unspeakable)('is refused when it is saved, and not told: %s', async (_, access_token) => {
    const tokens = openManager({
      provider: oauth2Provider({ id: 'p', clientId: 'c', tokenEndpoint: 'http://localhost/t' }),
      store: memoryStore(),
    })
    const error = await silentError(tokens.saveGrant('g', { access_token, refresh_token: SECRET }))
    expect(error).toMatchObject({ code: 'INVALID_REPLY', reason: 'unusable_access_token' })
    expect(await tokens.status('g')).toBeUndefined()
  })

  it.each(unspeakable)('is not told when a rotation brings it: %s', async (_, access_token) => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const api = await openServer(() => ({ body: 'ok' }))
    const { tokens, events } = fleet.member()
    await tokens.saveGrant('g', fleet.server.issueGrant(), { receivedAtMs: 0 })
    fleet.server.faults.add({ kind: 'reply-fields', fields: { access_token } })
    const call = fetchWithTokens({ tokens, grantId: 'g' })
    const error = await silentError(call(`${api.origin}/`))
    expect(error).toMatchObject({ code: 'INVALID_REPLY', reason: 'unusable_access_token', grantId: 'g' })
    expect(api.bodies).toHaveLength(0)
    expect(inspect(events, { depth: 10 })).not.toContain(SECRET)
    // The grant itself is well: its refresh token was stored.
    expect((await tokens.getAccessToken('g', { forceRefresh: true })).generation).toBe(3)
    expect(await (await call(`${api.origin}/`)).text()).toBe('ok')
  })
})

describe('a callback that is no URL', () => {
  // The error of the URL parser had it as `input`.
  it('tells no code', async () => {
    const fleet = await openFleet({ preset: 'passolution' })
    const { tokens } = fleet.member()
    const callback = `//[/callback?code=${SECRET}&state=s`
    const error = await silentError(tokens.exchangeCode('g', { ...cameBack(fleet.server), callback }))
    expect(error).toMatchObject({ code: 'AUTHORIZATION_FAILED' })
  })
})

describe('a client authentication', () => {
  // Its error went to the caller as it was.
  it('that fails and quotes the key does not tell it', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const tokens = openManager({
      provider: oauth2Provider({
        id: 'p',
        clientId: 'c',
        tokenEndpoint: fleet.server.tokenEndpoint,
        clientAuthentication: () => {
          throw Object.assign(new Error(`bad key ${SECRET}`), { key: SECRET })
        },
      }),
      store: memoryStore(),
    })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    const error = await silentError(tokens.getAccessToken('g', { forceRefresh: true }))
    expect(error).toMatchObject({ code: 'UNEXPECTED', grantId: 'g' })
  })
})
