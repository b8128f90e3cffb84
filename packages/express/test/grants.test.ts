import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as passed } from 'node:timers/promises'
import { attachTokens } from '@evergrant/axios-interceptor'
import axios from 'axios'
import { describe, expect, expectTypeOf, it, vi } from 'vitest'
import { evergrantErrors, grants, type RequestGrant } from '../src/index.js'
import { get, serve, startApi, startWorld, versions } from './world.js'

describe.each(versions)('through %s', (_, express) => {
  it('a route gets tokens, requests and the status of its grant', async () => {
    const { server, tokens } = await startWorld()
    const app = express()
    app.use(grants({ tokens, grantId: 'agency' }))
    app.get('/', async (req, res) => {
      const token = await req.grant.getAccessToken({ minValidityMs: 1_000 })
      const response = await req.grant.fetch(server.apiUrl)
      const status = await req.grant.status()
      res.json({ token, api: response.status, state: status?.state })
    })
    const answer = await get(await serve(app))
    expect(JSON.parse(answer.text)).toEqual({
      token: expect.stringContaining('[AccessToken gen 1'),
      api: 200,
      state: 'live',
    })
  })

  it('asks whose grant it is when it is used, once a request', async () => {
    const { server, tokens } = await startWorld()
    const asked: string[] = []
    const app = express()
    const grantId = async (req: { url: string }) => {
      asked.push(req.url)
      return 'agency'
    }
    app.use(grants({ tokens, grantId }))
    app.get('/unused', (_req, res) => void res.end())
    app.get('/used', async (req, res) => {
      await req.grant.getAccessToken()
      await Promise.all([req.grant.fetch(server.apiUrl), req.grant.fetch(server.apiUrl), req.grant.status()])
      res.end()
    })
    const origin = await serve(app)
    await get(`${origin}/unused`)
    await get(`${origin}/used`)
    await get(`${origin}/used`)
    expect(asked).toEqual(['/used', '/used'])
  })

  it('every way that Axios has to send a request goes as this user, also where an instance has a grant of its own', async () => {
    const { server, tokens } = await startWorld()
    await tokens.saveGrant('victim', server.issueGrant())
    const seen: [string | undefined, string | undefined][] = []
    const instance = axios.create({
      baseURL: server.origin,
      adapter: (config) => {
        seen.push([config.url, config.headers.get('Authorization')?.toString()])
        return Promise.resolve({ status: 200, statusText: 'OK', data: '', headers: {}, config })
      },
    })
    attachTokens(instance, { tokens, grantId: 'agency' })
    const others = ['constructor', 'create', 'defaults', 'getUri', 'interceptors', '_request']
    const ways = Object.keys(instance).filter((name) => !others.includes(name))
    const app = express()
    app.use(grants({ tokens, grantId: 'victim', attachTokens }))
    app.get('/', async (req, res) => {
      const mine = req.grant.axios(instance) as unknown as Record<string, (url: string) => Promise<unknown>>
      for (const way of ways) await mine[way]?.('/x')
      await (mine as unknown as (url: string) => Promise<unknown>)('/x')
      res.end()
    })
    await get(await serve(app))
    const token = (await tokens.getAccessToken('victim')).reveal()
    expect(ways).toEqual(expect.arrayContaining(['request', 'get', 'post', 'query']))
    expect(seen).toEqual([...ways, 'itself'].map(() => ['/x', `Bearer ${token}`]))
  })

  it('a client that leaves before the handler awaits what it began does not end the process', async () => {
    const { tokens } = await startWorld()
    const silent = await startApi(() => {})
    const app = express()
    let outcome: unknown
    app.use(grants({ tokens, grantId: 'agency', attachTokens }))
    app.get('/', async (req, res) => {
      const begun = [
        req.grant.fetch(silent.origin),
        req.grant.getAccessToken({ forceRefresh: true }),
        req.grant.axios(axios.create()).get(silent.origin, { timeout: 200 }),
      ]
      await once(res, 'close')
      await passed(20)
      outcome = await Promise.allSettled(begun)
    })
    const origin = await serve(app)
    const call = request(origin).on('error', () => {})
    call.end()
    await passed(50)
    call.destroy()
    await vi.waitUntil(() => outcome)
    expect(outcome).toMatchObject([{ status: 'rejected' }, {}, { status: 'rejected' }])
  })

  it('an init that is another Request counts with all that it inherits', async () => {
    const { server, tokens } = await startWorld()
    const app = express()
    app.use(grants({ tokens, grantId: 'agency' }))
    app.get('/', async (req, res) => {
      await req.grant.fetch(server.apiUrl, new Request(server.apiUrl, { method: 'DELETE' }))
      res.end()
    })
    await get(await serve(app))
    expect(server.ledger.apiRequests().map(({ method }) => method)).toEqual(['DELETE'])
  })

  it('a request whose grant is `null` has none', async () => {
    const { tokens } = await startWorld()
    const app = express()
    app.use(grants({ tokens, grantId: () => null as never }))
    app.get('/', async (req, res) => {
      const error: unknown = await req.grant.getAccessToken().catch((reason: unknown) => reason)
      res.end((error as { code?: string }).code)
    })
    expect((await get(await serve(app))).text).toBe('GRANT_NOT_FOUND')
  })

  it('a request without a grant, or with one that is none, is an error of the route', async () => {
    const { tokens } = await startWorld()
    const app = express()
    const grantId = (req: { url: string }) => (req.url === '/number' ? (42 as never) : undefined)
    app.use(grants({ tokens, grantId }))
    app.use((req, res) => {
      req.grant
        .getAccessToken()
        .catch((error: Error & { code?: string }) => res.end(error.code ?? error.message))
    })
    const origin = await serve(app)
    expect((await get(`${origin}/none`)).text).toBe('GRANT_NOT_FOUND')
    expect((await get(`${origin}/number`)).text).toContain("'grantId' must return a string")
  })

  it('200 requests on the old token while it is rotated: all 200, one rotation, each body once', async () => {
    const world = await startWorld()
    const { server, tokens } = world
    const app = express()
    app.use(grants({ tokens, grantId: 'agency' }))
    app.post('/:id', async (req, res) => {
      const body = `order ${req.params.id}`
      const response = await req.grant.fetch(`${server.origin}/api/orders/${req.params.id}`, {
        method: 'POST',
        body,
      })
      res.status(response.status).end(await response.text())
    })
    const origin = await serve(app)
    const gate = server.gate({ path: 'api' })
    const calls = Array.from({ length: 200 }, (_one, i) => get(`${origin}/${i}`, { method: 'POST' }))
    await gate.arrived(200)
    await world.revokeToken()
    gate.open()
    const answers = await Promise.all(calls)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(server.ledger.rotations()).toHaveLength(1)
    const done = server.ledger.apiRequests({ decision: 'ok' }).map(({ path }) => path)
    expect(new Set(done).size).toBe(200)
    expect(done).toHaveLength(200)
  })

  it('a client that disconnects ends a request to the API that is on its way', async () => {
    const { server, tokens } = await startWorld()
    const app = express()
    const ended: unknown[] = []
    app.use(grants({ tokens, grantId: 'agency' }))
    app.get('/', async (req, _res, next) => {
      try {
        await req.grant.fetch(server.apiUrl)
      } catch (error) {
        ended.push(error)
        next(error)
      }
    })
    app.use(evergrantErrors())
    const gate = server.gate({ path: 'api' })
    const call = request(await serve(app)).end()
    call.on('error', () => {})
    await gate.arrived()
    call.destroy()
    await until(() => ended.length > 0)
    expect(ended[0]).toMatchObject({ name: 'AbortError' })
    gate.open()
  })

  it('a Request brings its body and its own signal', async () => {
    const { server, tokens } = await startWorld()
    const app = express()
    const leaving = new AbortController()
    app.use(grants({ tokens, grantId: 'agency' }))
    app.get('/', async (req, res) => {
      const { signal } = leaving
      const asked = new Request(server.apiUrl, { method: 'POST', body: '{"trip":1}', signal })
      const call = req.grant.fetch(asked).then((response) => response.json())
      res.json(await call.catch(({ name }) => ({ name })))
    })
    const url = await serve(app)
    expect(JSON.parse((await get(url)).text)).toMatchObject({ method: 'POST', bodyText: '{"trip":1}' })
    const gate = server.gate({ path: 'api' })
    const answer = get(url)
    await gate.arrived()
    leaving.abort()
    expect(JSON.parse((await answer).text)).toEqual({ name: 'AbortError' })
    gate.open()
  })

  it('a client that disconnects ends the wait, not the rotation, and nobody logs it as an error', async () => {
    const world = await startWorld()
    const { server, tokens } = world
    const app = express()
    const ended: unknown[] = []
    const unhandled: unknown[] = []
    app.use(grants({ tokens, grantId: 'agency' }))
    app.get('/', async (req, _res, next) => {
      try {
        await req.grant.getAccessToken({ forceRefresh: true, signal: new AbortController().signal })
      } catch (error) {
        ended.push(error)
        next(error)
      }
    })
    app.use(evergrantErrors())
    app.use((error: unknown, _req: unknown, _res: unknown, _next: unknown) => void unhandled.push(error))
    const gate = server.gate()
    const call = request(await serve(app)).end()
    call.on('error', () => {})
    await gate.arrived()
    call.destroy()
    await until(() => ended.length > 0)
    expect(ended).toEqual([expect.objectContaining({ name: 'AbortError' })])
    gate.open()
    expect((await tokens.getAccessToken('agency')).generation).toBe(2)
    expect(unhandled).toEqual([])
  })

  it('a wait that begins when the client is gone ends at once', async () => {
    const { tokens } = await startWorld()
    const app = express()
    let outcome: Promise<unknown> | undefined
    app.use(grants({ tokens, grantId: 'agency' }))
    app.get('/', (req, res) => {
      res.once('close', () => {
        outcome = req.grant.getAccessToken({ forceRefresh: true }).catch((error: unknown) => error)
      })
      res.write('a')
    })
    const call = request(await serve(app)).end()
    const [response] = (await once(call, 'response')) as [NodeJS.ReadableStream]
    response.on('error', () => {})
    call.destroy()
    await until(() => outcome !== undefined)
    expect(await outcome).toMatchObject({ name: 'AbortError' })
  })

  it('after the answer is complete the grant can still be used', async () => {
    const { tokens } = await startWorld()
    const app = express()
    let outcome: Promise<{ generation: number }> | undefined
    app.use(grants({ tokens, grantId: 'agency' }))
    app.get('/', (req, res) => {
      res.once('close', () => {
        outcome = req.grant.getAccessToken()
      })
      res.end()
    })
    await get(await serve(app))
    await until(() => outcome !== undefined)
    expect((await outcome!).generation).toBe(1)
  })

  it('waits as long as it is told, and the call may say otherwise', async () => {
    const world = await startWorld()
    const app = express()
    app.use(grants({ tokens: world.tokens, grantId: 'agency', timeoutMs: 10 }))
    app.get('/', (req, res, next) => {
      const timeoutMs = req.query.long ? 60_000 : undefined
      req.grant.getAccessToken({ forceRefresh: true, timeoutMs }).then(() => void res.end('ok'), next)
    })
    app.use(evergrantErrors())
    const origin = await serve(app)
    const gate = world.server.gate()
    expect(await get(origin)).toMatchObject({ status: 504 })
    const long = get(`${origin}/?long=1`)
    gate.open()
    expect(await long).toMatchObject({ status: 200, text: 'ok' })
  })

  it('its requests can go through another fetch', async () => {
    const { server, tokens } = await startWorld()
    const seen: string[] = []
    const app = express()
    const through: typeof fetch = (input, init) => {
      seen.push(input instanceof Request ? input.url : input.toString())
      return fetch(input, init)
    }
    app.use(grants({ tokens, grantId: 'agency', fetch: through }))
    app.get('/', async (req, res) => void res.sendStatus((await req.grant.fetch(server.apiUrl)).status))
    expect(await get(await serve(app))).toMatchObject({ status: 200 })
    expect(seen).toEqual([server.apiUrl])
  })

  describe('Axios', () => {
    it('an instance that is attached once sends each user\u2019s own token', async () => {
      const { server, tokens } = await startWorld()
      await tokens.saveGrant('other', server.issueGrant({ sub: 'user-2' }))
      const api = axios.create({ baseURL: server.origin })
      const attached: unknown[] = []
      const app = express()
      const grantId = (req: { query: { id?: unknown } }) => String(req.query.id)
      const attach: typeof attachTokens = (instance, options) => {
        attached.push(instance)
        return attachTokens(instance, options)
      }
      app.use(grants({ tokens, grantId, attachTokens: attach }))
      app.get('/', async (req, res) => {
        const mine = req.grant.axios(api)
        expectTypeOf(mine).toEqualTypeOf(api)
        const { data: got } = await mine.get('/api/a')
        const { data: posted } = await mine.post('/api/b', { c: 1 }, { headers: { 'x-a': '1' } })
        const { data: called } = await mine('/api/d', { method: 'PUT', data: 'e' })
        const { data: configured } = await mine({ url: '/api/f' })
        const { data: requested } = await mine.request({ url: '/api/g' })
        res.json({
          subs: [got, posted, called, configured, requested].map(({ sub }) => sub),
          bodies: [posted.body, called.bodyText],
          uri: mine.getUri({ url: '/api/h' }),
          same: mine.defaults === api.defaults,
        })
      })
      const origin = await serve(app)
      const answers = await Promise.all(['agency', 'other'].map((id) => get(`${origin}/?id=${id}`)))
      const [agency, other] = answers.map(({ text }) => JSON.parse(text))
      expect(agency).toMatchObject({ subs: Array(5).fill('user-1'), bodies: [{ c: 1 }, 'e'], same: true })
      expect(agency.uri).toBe(`${server.origin}/api/h`)
      expect(other).toMatchObject({ subs: Array(5).fill('user-2') })
      expect(attached).toEqual([api])
    })

    it('replays after a 401', async () => {
      const world = await startWorld()
      const app = express()
      app.use(grants({ tokens: world.tokens, grantId: 'agency', attachTokens }))
      const api = axios.create({ baseURL: world.server.origin })
      app.get('/', async (req, res) => void res.json((await req.grant.axios(api).post('/api/a', 'b')).data))
      await world.revokeToken()
      const answer = await get(await serve(app))
      expect(JSON.parse(answer.text)).toMatchObject({ bodyText: 'b' })
      expect(world.server.ledger.rotations()).toHaveLength(1)
    })

    it('without attachTokens says what is missing', async () => {
      const { tokens } = await startWorld()
      const app = express()
      app.use(grants({ tokens, grantId: 'agency' }))
      app.get('/', (req, res) => {
        expect(() => req.grant.axios(axios)).toThrow("'attachTokens' is needed")
        res.end()
      })
      expect(await get(await serve(app))).toMatchObject({ status: 200 })
    })
  })
})

it('req.grant is typed', () => {
  expectTypeOf<Express.Request['grant']>().toEqualTypeOf<RequestGrant>()
})

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve))
}
