/** Several managers in one application: `error.provider` says whose error it is, and so where the user connects. */
import {
  createTokenManager,
  EvergrantError,
  memoryStore,
  passolution,
  type TokenManager,
} from '@evergrant/core'
import type { ErrorRequestHandler, Request } from 'express'
import { describe, expect, it } from 'vitest'
import { type ConnectUrl, evergrantErrors, grants, tokenProxy } from '../src/index.js'
import { get, serve, startWorld, versions, type World } from './world.js'

const grantId = (req: Request): string | undefined => req.headers['x-account'] as string | undefined

/** A manager of this provider, whose grant `dead` is dead. */
async function managerOf({ server }: World, id: string): Promise<TokenManager> {
  const { clientId, clientSecret, origin } = server
  const facts = passolution({ clientId, clientSecret, authorizationServer: origin, api: origin })
  const tokens = createTokenManager({ provider: { ...facts, id }, store: memoryStore() })
  const grant = server.issueGrant()
  await tokens.saveGrant('dead', grant)
  server.revokeFamily(grant.access_token)
  await tokens.getAccessToken('dead', { forceRefresh: true }).catch(() => {})
  return tokens
}

describe.each(versions)('through %s', (_, express) => {
  /** `req.grant` and a proxy for each manager, with one link for all of them; other errors end in 418. */
  async function start(connectUrl: ConnectUrl) {
    const world = await startWorld()
    const target = world.server.origin
    const app = express()
    for (const [path, id] of [
      ['/first', 'provider-one'],
      ['/second', 'provider-two'],
    ] as const) {
      const tokens = await managerOf(world, id)
      app.use(`${path}/proxy`, tokenProxy({ tokens, grantId, target, connectUrl }))
      app.get(`${path}/grant`, grants({ tokens, grantId }), async (req, res, next) => {
        try {
          res.json(String(await req.grant.getAccessToken()))
        } catch (error) {
          next(error)
        }
      })
    }
    app.get('/store-away', (_req, _res, next) => next(new EvergrantError('STORE_UNAVAILABLE', 'away')))
    app.use(evergrantErrors({ connectUrl }))
    const last: ErrorRequestHandler = (error: Error, _req, res, _next) =>
      void res.status(418).json(error.message)
    app.use(last)
    const origin = await serve(app)
    return async (path: string, account?: string) => {
      const { status, text } = await get(origin + path, { headers: account ? { 'x-account': account } : {} })
      return { status, body: JSON.parse(text) as unknown }
    }
  }

  it.each([
    ['/first/grant', 'provider-one'],
    ['/first/proxy', 'provider-one'],
    ['/second/grant', 'provider-two'],
    ['/second/proxy', 'provider-two'],
  ])(
    'an error at %s is that of %s: without a grant, with an unknown and with a dead one',
    async (path, whose) => {
      const ask = await start((_req, { provider, code }) => `/connect/${provider}?${code}`)
      const missing = { code: 'grant_not_found', connect: `/connect/${whose}?GRANT_NOT_FOUND` }
      expect(await ask(path)).toMatchObject({ status: 401, body: missing })
      expect(await ask(path, 'unknown')).toMatchObject({ status: 401, body: missing })
      expect(await ask(path, 'dead')).toMatchObject({
        status: 401,
        body: { code: 'reauthorization_required', connect: `/connect/${whose}?REAUTHORIZATION_REQUIRED` },
      })
    },
  )

  it('where connecting helps nobody the link is not asked for', async () => {
    const asked: string[] = []
    const ask = await start((_req, { code }) => {
      asked.push(code)
      return '/connect'
    })
    expect(await ask('/store-away')).toMatchObject({ status: 503 })
    expect(await ask('/first/proxy')).toMatchObject({ status: 401 })
    expect(asked).toEqual(['GRANT_NOT_FOUND'])
  })

  it.each(['/first/grant', '/first/proxy'])(
    "a link that cannot be made is the application's error to handle (%s)",
    async (path) => {
      const ask = await start((_req, { provider }) => {
        throw new Error(`no route for ${provider}`)
      })
      expect(await ask(path)).toEqual({ status: 418, body: 'no route for provider-one' })
    },
  )
})
