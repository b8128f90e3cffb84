import { gzipSync } from 'node:zlib'
import type { Express } from 'express'
import { describe, expect, it } from 'vitest'
import { type TokenProxyOptions, tokenProxy } from '../../src/index.js'
import {
  get,
  type RecordingApi,
  sendRaw,
  serve,
  startApi,
  startWorld,
  versions,
  type World,
} from '../world.js'

interface Proxied {
  readonly world: World
  readonly api: RecordingApi
  readonly origin: string
}

async function proxied(
  express: () => Express,
  answer?: Parameters<typeof startApi>[0],
  options: Partial<TokenProxyOptions> = {},
): Promise<Proxied> {
  const api = await startApi(answer)
  const world = await startWorld({ api: api.origin })
  const app = express()
  app.use(
    '/proxy',
    tokenProxy({ tokens: world.tokens, grantId: 'agency', target: `${api.origin}/api/v2`, ...options }),
  )
  return { world, api, origin: await serve(app) }
}

describe.each(versions)('through %s', (_, express) => {
  it('a request arrives below the target with the token, and its answer comes back', async () => {
    const { world, api, origin } = await proxied(express, (res) => {
      res.writeHead(201, { 'X-Total': '3', 'Content-Type': 'application/json' }).end('{"a":1}')
    })
    const answer = await get(
      `${origin}/proxy/orders/7?page=2&q=a%20b`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', 'x-version': '3' },
      },
      '{"b":2}',
    )
    expect(answer).toMatchObject({ status: 201, text: '{"a":1}', headers: { 'x-total': '3' } })
    const token = await world.tokens.getAccessToken('agency')
    expect(api.seen[0]).toMatchObject({
      method: 'POST',
      url: '/api/v2/orders/7?page=2&q=a%20b',
      headers: {
        host: new URL(api.origin).host,
        authorization: `Bearer ${token.reveal()}`,
        'content-type': 'application/json',
        'content-length': '7',
        'x-version': '3',
      },
    })
    expect(api.seen[0]!.body.toString()).toBe('{"b":2}')
  })

  it('the mount path alone is the target alone', async () => {
    const { api, origin } = await proxied(express)
    for (const path of ['/proxy', '/proxy?a=1', '/proxy/', '/proxy/?a=1']) await get(origin + path)
    expect(api.seen.map(({ url }) => url)).toEqual(['/api/v2', '/api/v2?a=1', '/api/v2/', '/api/v2/?a=1'])
  })

  it.each(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'POST'])(
    '%s goes with and without a body, framed',
    async (method) => {
      const { api, origin } = await proxied(express)
      await get(`${origin}/proxy/a`, { method })
      await get(`${origin}/proxy/b`, { method, headers: { 'content-length': '3' } }, 'abc')
      await get(`${origin}/proxy/c`, { method, headers: { 'transfer-encoding': 'chunked' } }, 'abc')
      await get(`${origin}/proxy/d`, { method })
      expect(api.seen.map(({ method: seen, url, body }) => [seen, url, body.toString()])).toEqual([
        [method, '/api/v2/a', ''],
        [method, '/api/v2/b', 'abc'],
        [method, '/api/v2/c', 'abc'],
        [method, '/api/v2/d', ''],
      ])
    },
  )

  it.each(['PUT', 'PATCH', 'POST'])('%s without any framing says that it has no body', async (method) => {
    const { api, origin } = await proxied(express)
    await sendRaw(origin, `${method} /proxy/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    expect(api.seen[0]!.headers).toMatchObject({ 'content-length': '0' })
    expect(api.seen[0]!.headers).not.toHaveProperty('transfer-encoding')
  })

  it('a HEAD, a 204 and a 304 have no body and keep their headers', async () => {
    const { origin } = await proxied(express, (res, { url }) => {
      if (url.endsWith('/204')) res.writeHead(204, { 'x-a': '1' }).end()
      else if (url.endsWith('/304')) res.writeHead(304, { etag: '"1"' }).end()
      else res.writeHead(200, { 'content-length': '1000' }).end()
    })
    expect(await get(`${origin}/proxy/204`)).toMatchObject({ status: 204, headers: { 'x-a': '1' }, text: '' })
    expect(await get(`${origin}/proxy/304`)).toMatchObject({ status: 304, headers: { etag: '"1"' } })
    const head = await get(`${origin}/proxy/head`, { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': '1000' }, text: '' })
  })

  it('a compressed answer passes as it is', async () => {
    const packed = gzipSync('hello')
    const { origin } = await proxied(express, (res) => {
      res.writeHead(200, { 'content-encoding': 'gzip', vary: 'accept-encoding' }).end(packed)
    })
    const response = await fetch(`${origin}/proxy/a`)
    expect(response.headers.get('vary')).toBe('accept-encoding, Cookie')
    expect(await response.text()).toBe('hello')
  })

  it('repeated headers stay repeated', async () => {
    const { api, origin } = await proxied(express, (res) => {
      res.writeHead(200, ['Link', '<a>', 'Link', '<b>', 'X-A', '1', 'X-A', '2']).end()
    })
    const { rawHeaders } = await get(`${origin}/proxy/a`, { headers: { 'x-b': ['1', '2'] } })
    expect(pairs(rawHeaders, 'link')).toEqual(['<a>', '<b>'])
    expect(pairs(rawHeaders, 'x-a')).toEqual(['1', '2'])
    expect(pairs(api.seen[0]!.rawHeaders, 'x-b')).toEqual(['1', '2'])
  })

  it('an Expect: 100-continue is answered here, and the body goes on', async () => {
    const { api, origin } = await proxied(express)
    const headers = { expect: '100-continue', 'content-length': '3' }
    expect(await get(`${origin}/proxy/a`, { method: 'POST', headers }, 'abc')).toMatchObject({ status: 200 })
    expect(api.seen[0]!.body.toString()).toBe('abc')
    expect(api.seen[0]!.headers.expect).toBeUndefined()
  })

  it('what the application set on the answer before yields to the API', async () => {
    const api = await startApi((res) => res.writeHead(200, { 'x-a': 'api' }).end())
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    app.use((_req, res, next) => {
      res.setHeader('X-A', 'application')
      res.setHeader('X-B', 'application')
      next()
    })
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: api.origin }))
    const { rawHeaders } = await get(`${await serve(app)}/proxy/a`)
    expect(pairs(rawHeaders, 'x-a')).toEqual(['api'])
    expect(pairs(rawHeaders, 'x-b')).toEqual(['application'])
  })

  it('a body that somebody read before is a mistake that is told, not an empty body', async () => {
    const { tokens, server } = await startWorld()
    const app = express()
    const errors: unknown[] = []
    app.use((req, _res, next) => void req.on('data', () => {}).on('end', next))
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: server.origin }))
    app.use((error: unknown, _req: unknown, res: { sendStatus(n: number): void }, _next: unknown) => {
      errors.push(error)
      res.sendStatus(500)
    })
    expect(await get(`${await serve(app)}/proxy/a`, { method: 'POST' }, 'abc')).toMatchObject({ status: 500 })
    expect(errors).toEqual([expect.any(TypeError)])
    expect(String(errors[0])).toContain('before whatever reads bodies')
  })

  it('a request without a grant is told to connect', async () => {
    const { origin } = await proxied(express, undefined, {
      grantId: async () => undefined,
      connectUrl: ({ originalUrl }) => `/connect?returnTo=${originalUrl}`,
    })
    const answer = await get(`${origin}/proxy/a`)
    expect(answer).toMatchObject({
      status: 401,
      headers: { 'content-type': 'application/problem+json' },
    })
    expect(JSON.parse(answer.text)).toMatchObject({
      code: 'grant_not_found',
      connect: '/connect?returnTo=/proxy/a',
    })
  })

  it('an error of grantId goes to the application', async () => {
    const api = await startApi()
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    const grantId = () => {
      throw new Error('no session')
    }
    app.use('/proxy', tokenProxy({ tokens, grantId, target: api.origin }))
    app.use(
      (error: Error, _req: unknown, res: { status(n: number): { end(t: string): void } }, _n: unknown) => {
        res.status(418).end(error.message)
      },
    )
    expect(await get(`${await serve(app)}/proxy/a`)).toMatchObject({ status: 418, text: 'no session' })
  })

  it('an answer that does not end is passed on as it comes', async () => {
    const { origin } = await proxied(express, (res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    })
    const response = await fetch(`${origin}/proxy/events`)
    const reader = response.body!.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1\n\n')
    await reader.cancel()
  })
})

function pairs(raw: readonly string[], name: string): string[] {
  return raw.filter((_, i) => i % 2 === 1 && raw[i - 1]!.toLowerCase() === name)
}
