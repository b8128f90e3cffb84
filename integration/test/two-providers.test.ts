import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenManager, oauth2Provider } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { startAuthorizationServer } from '@evergrant/testing'
import { expect, it } from 'vitest'

it('two providers with the same grant id on one file never touch each other’s grant', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-'))
  const store = sqliteStore({ path: join(folder, 'tokens.db') })
  const sides = await Promise.all(
    ['one', 'two'].map(async (id) => {
      const server = await startAuthorizationServer({ preset: 'oidcProvider' })
      const { clientId, clientSecret, tokenEndpoint } = server
      const provider = oauth2Provider({ id, clientId, clientSecret, tokenEndpoint })
      const tokens = createTokenManager({ provider, store, timings: { minRotationIntervalMs: 0 } })
      await tokens.saveGrant('same', server.issueGrant())
      return { server, tokens }
    }),
  )
  const [one, two] = sides as [(typeof sides)[0], (typeof sides)[0]]
  try {
    // Provider one is in trouble with a rotation under way; two rotates, dies and is removed meanwhile.
    const gate = one.server.gate({ path: 'token' })
    const held = one.tokens.getAccessToken('same', { forceRefresh: true })
    await gate.arrived()
    const forced = await two.tokens.getAccessToken('same', { forceRefresh: true })
    expect(forced).toMatchObject({ provider: 'two', generation: 2 })
    two.server.faults.add({ kind: 'error', error: 'invalid_grant' })
    await expect(two.tokens.getAccessToken('same', { forceRefresh: true })).rejects.toMatchObject({
      code: 'REAUTHORIZATION_REQUIRED',
    })
    expect(await one.tokens.status('same')).toMatchObject({ state: 'live', generation: 1 })
    await two.tokens.revoke('same')
    gate.open()
    expect(await held).toMatchObject({ provider: 'one', generation: 2 })
    expect(await one.tokens.status('same')).toMatchObject({ state: 'live', generation: 2 })
    expect(await two.tokens.status('same')).toBeUndefined()
    await expect(two.tokens.reportRejected(await held)).rejects.toThrow(TypeError)
  } finally {
    await Promise.all(sides.map(({ tokens }) => tokens.close()))
    await Promise.all(sides.map(({ server }) => server.close()))
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
