import { readFile } from 'node:fs/promises'
import { createTokenManager, memoryStore, passolution } from '@evergrant/core'
import { startAuthorizationServer } from '@evergrant/testing'
import type { Express, Request } from 'express'
import { expect, it } from 'vitest'
import { connectRoutes, evergrantErrors, grants, tokenProxy } from '../src/index.js'
import { get, serve, versions } from './world.js'

it.each(versions)('the example of the README runs as it stands there, with %s', async (_, express) => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  const body = example.replaceAll(/^import .*\n/gm, '')
  expect(body).toContain('tokenProxy({')

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
  const AsyncFunction = (async () => {}).constructor as new (
    ...source: string[]
  ) => (...values: unknown[]) => Promise<void>
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
