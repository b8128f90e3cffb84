import { readFile } from 'node:fs/promises'
import { createTokenManager, memoryStore, passolution } from '@evergrant/core'
import { startAuthorizationServer } from '@evergrant/testing'
import type { Express, Request } from 'express'
import { expect, it } from 'vitest'
import { connectRoutes, evergrantErrors, grants, tokenProxy } from '../src/index.js'
import { get, serve, startWorld, versions } from './world.js'

const AsyncFunction = (async () => {}).constructor as new (
  ...source: string[]
) => (...values: unknown[]) => Promise<void>

/** The block of the README that has this text, as it stands there, without its imports. */
async function blockWith(text: string): Promise<string> {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  const block = blocks.find((each) => each.includes(text))
  if (block === undefined) throw new Error(`the README has no block with ${text}`)
  return block.replaceAll(/^import .*\n/gm, '')
}

it.each(versions)('the example of the README runs as it stands there, with %s', async (_, express) => {
  const body = await blockWith('tokenProxy({')
  const server = await startAuthorizationServer({ preset: 'passolution' })
  const { origin, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET } = server
  let app: Express | undefined
  // Where the application is, which its code says for itself.
  const site = await serve(((req: never, res: never) => app?.(req, res)) as unknown as Express)
  const inPlace = body
    .replaceAll('https://app.example.com', site)
    .replaceAll('https://api.passolution.eu', origin)
  let onSignal: (() => void) | undefined
  const closed = { server: 0, store: 0 }
  const close = (done: () => void): void => {
    closed.server += 1
    done()
  }
  const names = {
    connectRoutes,
    createTokenManager,
    evergrantErrors,
    express: () => {
      app = express()
      app.listen = (() => ({ close })) as never
      return app
    },
    grants,
    // The example's own names for the outside world, here the emulated one.
    passolution: (options: { clientId: string; clientSecret: string }) =>
      passolution({ ...options, authorizationServer: origin, api: origin }),
    process: {
      env: { CLIENT_ID, CLIENT_SECRET, CONNECT_SECRET: 'long enough for the test of an example' },
      once: (_signal: string, run: () => void) => {
        onSignal = run
      },
    },
    sqliteStore: () => ({ ...memoryStore(), close: async () => void ++closed.store }),
    tokenProxy,
    userOf: (req: Request) => (req.headers['x-user'] ? { accountId: req.headers['x-user'] } : undefined),
  }
  await new AsyncFunction(...Object.keys(names), inPlace)(...Object.values(names))

  const user = { 'x-user': 'agency-42' }
  expect(JSON.parse((await get(`${site}/report`, { headers: user })).text)).toMatchObject({
    code: 'grant_not_found',
    connect: '/connect',
  })
  const begun = await get(`${site}/connect?returnTo=/settings`, { headers: user })
  const callback = String((await get(String(begun.headers.location))).headers.location)
  const cookie = String(begun.headers['set-cookie']?.[0]?.split(';')[0])
  const done = await get(callback, { headers: { ...user, cookie } })
  expect(done).toMatchObject({ status: 303, headers: { location: '/settings' } })
  for (const path of ['/report', '/api/travel/infosystem/passolution']) {
    const answer = await get(site + path, { headers: user })
    expect(JSON.parse(answer.text)).toMatchObject({ path: '/api/v2/infosystem/passolution' })
  }
  const browser = { ...user, accept: 'text/html' }
  const disconnected = await get(`${site}/connect/disconnect`, { method: 'POST', headers: browser })
  expect(disconnected.status).toBe(303)
  expect(await get(`${site}/report`, { headers: user })).toMatchObject({ status: 401 })

  onSignal?.()
  await expect.poll(() => closed).toEqual({ server: 1, store: 1 })
  await server.close()
})

it.each(versions)('the health route of the README answers as it says, with %s', async (_, express) => {
  let isAway = false
  const store = memoryStore()
  const { tokens, server, canaries } = await startWorld({
    store: {
      ...store,
      list: async (page) => {
        if (isAway) throw new Error('away')
        return store.list(page)
      },
    },
  })
  const dead = server.issueGrant()
  await tokens.saveGrant('dead-one', dead)
  server.revokeFamily(dead.access_token)
  await tokens.getAccessToken('dead-one', { forceRefresh: true }).catch(() => {})
  const sent = server.ledger.tokenRequests().length

  const app = express()
  await new AsyncFunction('app', 'tokens', await blockWith('/health'))(app, tokens)
  const url = `${await serve(app)}/health`
  const up = await get(url)
  expect({ ...JSON.parse(up.text), answered: up.status }).toMatchObject({
    answered: 200,
    status: 'up',
    grantsNeedingAttention: 1,
  })
  isAway = true
  const down = await get(url)
  expect({ ...JSON.parse(down.text), answered: down.status }).toMatchObject({
    answered: 503,
    status: 'down',
    code: 'STORE_UNAVAILABLE',
  })
  for (const kept of [...canaries, 'dead-one']) expect(up.text + down.text).not.toContain(kept)
  expect(server.ledger.tokenRequests()).toHaveLength(sent)
})
