import { fakeClock, type ServerPreset, serverPresets } from '@evergrant/testing'
import { expect, test } from 'vitest'
import { callApi, postTokenForm, refreshed, serve } from './wire.js'

/** The servers differ in what they read; JSON is allowed here so that one helper serves all. */
const json = { requestFormats: ['json', 'form'] } as const

test('presets are frozen plain data', () => {
  for (const preset of Object.values(serverPresets)) {
    expect(Object.isFrozen(preset)).toBe(true)
    expect(JSON.parse(JSON.stringify(preset))).toEqual(preset)
  }
})

test.each(['auth0', 'okta', 'oidcProvider', 'hydra'] as const)(
  '%s: a second use outside grace revokes the family, successor included',
  async (preset) => {
    const clock = fakeClock()
    const server = await serve({ preset, now: clock.now, ...json })
    const first = server.issueGrant()
    const second = await refreshed(server, first.refresh_token)
    await clock.advance(serverPresets[preset].graceMs)
    await expect(refreshed(server, first.refresh_token)).rejects.toThrow('400')
    expect(server.isAlive(second.refresh_token)).toBe(false)
    const alive = serverPresets[preset].accessTokensOfRevokedFamily === 'live-on'
    expect((await callApi(server, second.access_token)).status).toBe(alive ? 200 : 401)
    expect(server.ledger.familiesRevoked('reuse')).toMatchObject([
      { family: server.familyOf(first.refresh_token) },
    ])
  },
)

test.each(['okta', 'xero', 'cognito', 'atlassian'] as const)(
  '%s: within its grace a second use brings one more pair, after it a refusal',
  async (preset) => {
    const clock = fakeClock()
    const server = await serve({ preset, now: clock.now, ...json })
    const first = server.issueGrant()
    const second = await refreshed(server, first.refresh_token)
    await clock.advance(serverPresets[preset].graceMs - 1)
    const third = await refreshed(server, first.refresh_token)
    expect(third.refresh_token).not.toBe(second.refresh_token)
    expect([second, third].map((pair) => server.isAlive(pair.refresh_token))).toEqual([true, true])
    expect(server.ledger.doubleSpends()).toEqual([])
    expect(server.ledger.tokenRequests({ outcome: 'grace' })).toHaveLength(1)
    await clock.advance(1)
    await expect(refreshed(server, first.refresh_token)).rejects.toThrow('refused')
    expect(server.ledger.doubleSpends()).toHaveLength(1)
  },
)

test('workos: within 30 s a second use brings the same pair', async () => {
  const clock = fakeClock()
  const server = await serve({ preset: 'workos', now: clock.now })
  const { refresh_token } = server.issueGrant()
  const second = await refreshed(server, refresh_token)
  await clock.advance(29_000)
  const again = await refreshed(server, refresh_token)
  expect(again).toEqual({ ...second, expires_in: second.expires_in - 29 })
})

test('latestPairWins: each use within grace kills the pair before', async () => {
  const server = await serve({ preset: 'latestPairWins', ...json })
  const { refresh_token } = server.issueGrant()
  const second = await refreshed(server, refresh_token)
  const third = await refreshed(server, refresh_token)
  expect([second, third].map((pair) => server.isAlive(pair.refresh_token))).toEqual([false, true])
  expect((await callApi(server, second.access_token)).status).toBe(401)
})

test('graceEndsAtSuccessorUse: only the direct predecessor is forgiven', async () => {
  const server = await serve({ preset: 'okta', graceEndsAtSuccessorUse: true, ...json })
  const first = server.issueGrant()
  const second = await refreshed(server, first.refresh_token)
  const third = await refreshed(server, second.refresh_token)
  await expect(refreshed(server, first.refresh_token)).rejects.toThrow('400')
  expect(server.isAlive(third.refresh_token)).toBe(false)
})

test('google: the reply omits refresh_token and the old one stays good', async () => {
  const server = await serve({ preset: 'google', ...json })
  const { refresh_token } = server.issueGrant()
  expect(await refreshed(server, refresh_token)).not.toHaveProperty('refresh_token')
  await refreshed(server, refresh_token)
  expect(server.ledger.rotations()).toEqual([])
  expect(server.ledger.tokenRequests({ outcome: 'kept' })).toHaveLength(2)
})

test('intuit: the same refresh token for a day, then a new one while the old one works for another day', async () => {
  const clock = fakeClock()
  const dayMs = 86_400_000
  const server = await serve({ preset: 'intuit', now: clock.now, ...json })
  const first = server.issueGrant()
  expect((await refreshed(server, first.refresh_token)).refresh_token).toBe(first.refresh_token)
  await clock.advance(dayMs)
  const second = await refreshed(server, first.refresh_token)
  expect(second.refresh_token).not.toBe(first.refresh_token)
  await clock.advance(dayMs - 1)
  const again = await refreshed(server, first.refresh_token)
  expect(again.refresh_token).toBe(second.refresh_token)
  expect((await callApi(server, again.access_token)).status).toBe(200)
  await clock.advance(1)
  await expect(refreshed(server, first.refresh_token)).rejects.toThrow('400')
})

test('github: a spent token is refused with HTTP 200, form-encoded unless JSON is accepted', async () => {
  const server = await serve({ preset: 'github' })
  const { refresh_token } = server.issueGrant()
  const parameters = { grant_type: 'refresh_token', refresh_token }
  const good = await postTokenForm(server, parameters, { accept: 'application/json' })
  expect(await good.json()).toMatchObject({ token_type: 'bearer' })
  const asJson = await postTokenForm(server, parameters, { accept: 'application/json' })
  expect(asJson.status).toBe(200)
  expect(await asJson.json()).toMatchObject({ error: 'bad_refresh_token' })
  const asForm = await postTokenForm(server, parameters)
  expect(asForm.headers.get('content-type')).toContain('application/x-www-form-urlencoded')
  expect(new URLSearchParams(await asForm.text()).get('error')).toBe('bad_refresh_token')
})

test('atlassian: a dead token is refused as 403 unauthorized_client', async () => {
  const server = await serve({ preset: 'atlassian', ...json })
  await expect(refreshed(server, 'unknown')).rejects.toThrow('403')
})

test('a server that reads forms only answers JSON with 400 and spends nothing', async () => {
  const server = await serve({ preset: 'oidcProvider' })
  const { refresh_token } = server.issueGrant()
  await expect(refreshed(server, refresh_token)).rejects.toThrow('400')
  expect(server.isAlive(refresh_token)).toBe(true)
})

test.each([
  ['seconds', 3600],
  ['string', '3600'],
  ['negative', -3600],
  ['huge', 99_999_999_999],
  ['missing', undefined],
] as const)('expiresIn %s writes %s', async (expiresIn, value) => {
  const server = await serve({ preset: 'hydra', expiresIn, ...json })
  expect((await refreshed(server, server.issueGrant().refresh_token)).expires_in).toBe(value)
})

test('tokenType is written as given, null leaves it out', async () => {
  const server = await serve({ tokenType: 'DPoP' })
  const second = await refreshed(server, server.issueGrant().refresh_token)
  expect(second.token_type).toBe('DPoP')
  server.configure({ tokenType: null })
  expect(await refreshed(server, second.refresh_token)).not.toHaveProperty('token_type')
})

test('there is a preset for every server of the table', () => {
  const names: ServerPreset[] = ['passolution', 'auth0', 'okta', 'oidcProvider', 'hydra', 'xero', 'cognito']
  names.push('workos', 'atlassian', 'intuit', 'google', 'github', 'latestPairWins')
  expect(Object.keys(serverPresets).toSorted()).toEqual(names.toSorted())
})
