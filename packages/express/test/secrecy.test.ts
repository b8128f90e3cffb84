import { inspect } from 'node:util'
import { attachTokens } from '@evergrant/axios-interceptor'
import axios from 'axios'
import type { ErrorRequestHandler, Request, Response } from 'express'
import { describe, expect, it, vi } from 'vitest'
import { connectRoutes, evergrantErrors, grants, tokenProxy } from '../src/index.js'
import { type Answer, get, serve, startWorld, versions } from './world.js'

const secret = 'sealing canary: long enough for a test'

describe.each(versions)('through %s', (_, express) => {
  it('no token, code or secret is in any answer, header, error, log or printed object', async () => {
    const world = await startWorld()
    const { server, tokens, canaries } = world
    const found: unknown[] = []
    const codes: string[] = []
    const app = express()
    const log = vi.spyOn(console, 'error').mockImplementation((...line) => void found.push(line))
    let connect: ReturnType<typeof connectRoutes> | undefined
    app.use('/connect', (req, res, next) => connect?.(req, res, next))
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: `${server.origin}/api` }))
    app.use(grants({ tokens, grantId: 'agency', attachTokens }))
    async function useGrant(req: Request, res: Response): Promise<void> {
      const api = axios.create({ baseURL: server.origin })
      found.push(req.grant, await req.grant.getAccessToken(), await req.grant.status())
      const response = await req.grant.fetch(server.apiUrl)
      found.push(response, await req.grant.axios(api).get('/api/a'), req.grant.axios(api))
      const lost = req.grant.axios(api).get('/nowhere')
      await lost.catch((error: unknown) => found.push(error))
      found.push(req, res)
      res.json({ grant: req.grant, token: await req.grant.getAccessToken() })
    }
    app.get('/grant', async (req, res, next) => {
      try {
        await useGrant(req, res)
      } catch (error) {
        next(error)
      }
    })
    app.get('/failing', async (req, _res, next) => {
      try {
        await req.grant.getAccessToken({ minValidityMs: 2 ** 50 })
      } catch (error) {
        found.push(error)
        next(error)
      }
    })
    app.use(evergrantErrors({ connectUrl: '/connect' }))
    const last: ErrorRequestHandler = (error, _req, res, _next) => {
      found.push(error)
      res.status(500).end(String(error.stack))
    }
    app.use(last)
    const origin = await serve(app)
    const redirectUri = `${origin}/connect/callback`
    connect = connectRoutes({ tokens, grantId: 'agency', redirectUri, secret })

    async function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
      const answer = await get(origin + path, { headers, method })
      found.push(answer)
      return answer
    }

    await ask('/grant')
    await ask('/failing')
    await ask('/proxy/a')
    await ask('/proxy/..%2fa')
    await world.revokeToken()
    await ask('/proxy/a')
    for (const accept of ['text/html', 'application/json']) {
      const begun = await ask('/connect', { accept })
      const cookie = String(begun.headers['set-cookie']?.[0]?.split(';')[0])
      const callback = new URL(String((await get(String(begun.headers.location))).headers.location))
      codes.push(String(callback.searchParams.get('code')))
      const path = callback.pathname + callback.search
      await ask(path, { accept })
      await ask(`${path}&iss=evil`, { accept, cookie })
      await ask(path, { accept, cookie })
    }
    server.faults.add({ kind: 'error', path: 'token', error: 'invalid_grant' })
    await world.revokeToken()
    await ask('/proxy/a')
    await ask('/grant')
    await ask('/connect/disconnect', {}, 'POST')

    const text = found.map((one) => inspect(one, { depth: 12, showHidden: true }) + safeJson(one)).join('\n')
    for (const canary of [...canaries, ...codes, secret]) expect(text.includes(canary)).toBe(false)
    expect(canaries.length).toBeGreaterThan(4)
    expect(codes).toHaveLength(2)
    log.mockRestore()
  })
})

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return ''
  }
}
