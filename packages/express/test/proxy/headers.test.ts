import { describe, expect, it } from 'vitest'
import { tokenProxy } from '../../src/index.js'
import { cacheControlOut } from '../../src/proxy/headers.js'
import { type Answer, get, serve, startApi, startWorld, versions } from '../world.js'

const notIn = {
  authorization: 'Bearer of-the-browser',
  'proxy-authorization': 'Basic abc',
  cookie: 'session=1',
  cookie2: '$Version=1',
  connection: 'X-Secret-Hop, keep-alive',
  'x-secret-hop': '1',
  'keep-alive': 'timeout=1',
  te: 'trailers',
  upgrade: 'h2c',
  'http2-settings': 'AAA',
  'proxy-connection': 'close',
  origin: 'http://evil.example',
  referer: 'http://app.example/secret?token=1',
  'sec-fetch-site': 'same-origin',
  'sec-ch-ua': 'x',
  forwarded: 'for=1',
  via: '1.1 me',
  'x-forwarded-for': '1.2.3.4',
  'x-forwarded-proto': 'https',
  'x-real-ip': '1.2.3.4',
  'x-original-url': '/admin',
  x_forwarded_host: 'evil',
  'x-csrf-token': '1',
  'client-cert': ':x:',
  'x-ssl-client-cn': 'me',
  'remote-groups': 'admins',
  'x-webauth-user': 'me',
  'x-cluster-client-ip': '1.2.3.4',
  'client-ip': '1.2.3.4',
  'x-original-uri': '/admin',
  dpop: 'x',
  'x-remote-user': 'me',
  'cf-access-jwt-assertion': 'eyJ',
  'x-amzn-oidc-accesstoken': 'eyJ',
  'x-auth-request-access-token': 'eyJ',
  'x-ms-token-aad-access-token': 'eyJ',
  'x-goog-iap-jwt-assertion': 'eyJ',
  content_length: '5',
}

const notOut = {
  authorization: 'Bearer x',
  'www-authenticate': 'Basic realm="x"',
  'proxy-authenticate': 'Basic',
  'set-cookie': ['a=1', 'b=2'],
  'set-cookie2': 'c=3',
  connection: 'X-Secret-Hop',
  'x-secret-hop': '1',
  trailer: 'X-End',
  refresh: '0; url=http://evil.example',
  'access-control-allow-origin': '*',
  'access-control-allow-credentials': 'true',
  'cross-origin-resource-policy': 'cross-origin',
  'strict-transport-security': 'max-age=1',
  'clear-site-data': '"*"',
  'service-worker-allowed': '/',
  'alt-svc': 'h3=":443"',
  'x-accel-redirect': '/internal',
  'x-sendfile': '/etc/passwd',
  'x-litespeed-location': '/etc/passwd',
  'speculation-rules': '"/rules"',
  'set-login': 'logged-in',
  'cdn-cache-control': 'max-age=9',
  'surrogate-control': 'max-age=9',
  'content-security-policy': 'default-src *',
  nel: '{}',
  expires: 'Thu, 01 Jan 2099 00:00:00 GMT',
  'content-location': 'http://evil.example/',
}

describe.each(versions)('through %s', (_, express) => {
  async function answered(headers: Record<string, string | string[]>, status = 200, path = '/proxy/a') {
    const api = await startApi((res) => res.writeHead(status, headers).end('x'))
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: `${api.origin}/api` }))
    const origin = await serve(app)
    const own = (text: string): string => text.replace('API', api.origin)
    const ask = (more: Record<string, string> = {}): Promise<Answer> => get(origin + path, { headers: more })
    return { api, tokens, ask, own }
  }

  it('hop-by-hop headers, credentials, cookies and what pretends do not reach the API', async () => {
    const { api, tokens, ask } = await answered({})
    expect(await ask({ ...notIn, 'x-kept': '1', accept: 'a/b' })).toMatchObject({ status: 200 })
    const { headers } = api.seen[0]!
    const token = await tokens.getAccessToken('agency')
    expect(headers).toEqual({
      host: new URL(api.origin).host,
      connection: 'keep-alive',
      authorization: `Bearer ${token.reveal()}`,
      'x-kept': '1',
      accept: 'a/b',
    })
  })

  it('hop-by-hop headers, credentials, cookies and what acts on our site do not reach the browser', async () => {
    const { ask } = await answered({ ...notOut, 'x-kept': '1', etag: '"1"' })
    const { status, headers } = await ask()
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'x-kept': '1',
      etag: '"1"',
      'cache-control': 'private, no-cache',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'x-content-type-options': 'nosniff',
    })
    for (const name of Object.keys(notOut).filter(
      (one) => !['connection', 'content-security-policy'].includes(one),
    ))
      expect([name, headers[name]]).toEqual([name, undefined])
  })

  it('a redirect that quotes the token is refused', async () => {
    const api = await startApi((res, { headers }) => {
      const token = encodeURIComponent(String(headers.authorization).slice(7))
      res.writeHead(302, { location: `/next?access_token=${token}` }).end()
    })
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: api.origin }))
    expect(await get(`${await serve(app)}/proxy/a`)).toMatchObject({ status: 502 })
  })

  it('what the answer varies by is told by the API, the application and us', async () => {
    const api = await startApi((res) => res.writeHead(200, { vary: 'Accept' }).end())
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    app.use((_req, res, next) => {
      res.setHeader('Vary', 'Origin')
      next()
    })
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: api.origin }))
    const { headers } = await get(`${await serve(app)}/proxy/a`)
    expect(headers.vary).toBe('Origin, Accept, Cookie')
  })

  it('a header that quotes the token is dropped', async () => {
    const api = await startApi((res, { headers }) => {
      res.writeHead(200, { 'x-debug': `got ${headers.authorization}`, 'x-kept': '1' }).end()
    })
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: api.origin }))
    const { headers } = await get(`${await serve(app)}/proxy/a`)
    expect(headers['x-kept']).toBe('1')
    expect(headers['x-debug']).toBeUndefined()
  })

  it('so is one that quotes it as URLs do; a longer one that does not is kept', async () => {
    const api = await startApi((res, { headers }) => {
      const token = encodeURIComponent(String(headers.authorization).slice(7))
      const kept = 'a text that is longer than the token, and 100% innocent'
      res.writeHead(200, { link: `</next?access_token=${token}>; rel=next`, 'x-kept': kept }).end()
    })
    const { tokens } = await startWorld({ api: api.origin })
    const reply = { access_token: 'token+of/odd=characters', refresh_token: 'next', expires_in: 3_600 }
    await tokens.saveGrant('odd', reply)
    const app = express()
    app.use('/proxy', tokenProxy({ tokens, grantId: 'odd', target: api.origin }))
    const { headers } = await get(`${await serve(app)}/proxy/a`)
    expect(api.seen[0]?.headers.authorization).toBe(`Bearer ${reply.access_token}`)
    expect(headers['x-kept']).toContain('innocent')
    expect(headers.link).toBeUndefined()
  })

  it.each([
    [['max-age=60', 'no-store'], 'no-store'],
    [['max-age=60, public', 'must-revalidate'], 'private, max-age=60, must-revalidate'],
  ])('a Cache-Control that is repeated (%j) counts altogether', async (given, expected) => {
    const { ask } = await answered({ 'cache-control': given })
    expect((await ask()).headers['cache-control']).toBe(expected)
  })

  it.each([
    ['/api/b?c=1#d', '/proxy/b?c=1#d'],
    ['b', '/proxy/b'],
    ['?page=2', '/proxy/a?page=2'],
    ['API/api/b', '/proxy/b'],
    ['/api', undefined],
    ['/api/', '/proxy/'],
  ])('a redirect to %s goes to our path', async (location, expected = '/proxy') => {
    const api = await startApi((res) =>
      res.writeHead(302, { location: location.replace('API', api.origin) }).end(),
    )
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: `${api.origin}/api` }))
    const answer = await get(`${await serve(app)}/proxy/a`)
    expect(answer).toMatchObject({ status: 302, headers: { location: expected } })
    expect(api.seen).toHaveLength(1)
  })

  it.each([
    'http://evil.example/',
    '//evil.example/',
    'https://169.254.169.254/latest',
    '/other',
    '/apiary',
    '/api/../other',
    '/api/%2e%2e/other',
    '/api/..%2fother',
    'javascript:alert(1)',
    'http://[',
  ])('a redirect to %s is refused and not followed', async (location) => {
    const { ask } = await answered({ location }, 302)
    const answer = await ask()
    expect(answer).toMatchObject({ status: 502 })
    expect(answer.headers.location).toBeUndefined()
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'redirect_refused' })
  })

  it('mounted at the root, no redirect becomes one to another host', async () => {
    const api = await startApi((res) =>
      res.writeHead(302, { location: `${api.origin}//evil.example/` }).end(),
    )
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    app.use(tokenProxy({ tokens, grantId: 'agency', target: api.origin }))
    expect(await get(`${await serve(app)}/a`)).toMatchObject({ status: 502 })
  })

  it('mounted wherever a request says, it becomes none either', async () => {
    const api = await startApi((res) => res.writeHead(302, { location: '/b' }).end())
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    app.use(/^\/.*proxy/, tokenProxy({ tokens, grantId: 'agency', target: api.origin }))
    const origin = await serve(app)
    const inside = await get(origin, { path: '/any/proxy/a' })
    expect(inside).toMatchObject({ status: 302, headers: { location: '/any/proxy/b' } })
    const outside = await get(origin, { path: '//evil.example/proxy/a' })
    expect(outside.status).toBe(502)
    expect(outside.headers.location).toBeUndefined()
  })

  it('where a new thing is, is translated too, or left out', async () => {
    const inside = await answered({ location: '/api/things/7', 'content-location': 'things' }, 201)
    expect((await inside.ask()).headers).toMatchObject({
      location: '/proxy/things/7',
      'content-location': '/proxy/things',
    })
    const outside = await answered({ location: 'http://evil.example/' }, 201)
    const answer = await outside.ask()
    expect(answer).toMatchObject({ status: 201, text: 'x' })
    expect(answer.headers.location).toBeUndefined()
  })

  it('a 300 or 304 without Location is an answer like any other', async () => {
    expect(await (await answered({}, 300)).ask()).toMatchObject({ status: 300, text: 'x' })
    expect(await (await answered({ etag: '"1"' }, 304)).ask()).toMatchObject({ status: 304 })
  })
})

it.each([
  [undefined, 'private, no-cache'],
  ['', 'private, no-cache'],
  ['no-store', 'no-store'],
  ['private, No-Store', 'no-store'],
  ['public, max-age=60', 'private, max-age=60'],
  ['max-age=60, s-maxage=600, stale-while-revalidate=5', 'private, max-age=60, stale-while-revalidate=5'],
  ['private="x", proxy-revalidate, must-revalidate,', 'private, must-revalidate'],
])('Cache-Control %j becomes %j: no shared cache keeps an answer', (given, expected) => {
  expect(cacheControlOut(given)).toBe(expected)
})
