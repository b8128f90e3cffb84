import { describe, expect, it } from 'vitest'
import { type TokenProxyOptions, tokenProxy } from '../../src/index.js'
import { get, sendRaw, serve, startApi, startRawApi, startWorld, versions } from '../world.js'

describe.each(versions)('through %s', (_, express) => {
  async function proxied(api: string, options: Partial<TokenProxyOptions> = {}): Promise<string> {
    const { tokens } = await startWorld({ api })
    const app = express()
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: api, ...options }))
    return serve(app)
  }

  describe('a request inside of another (smuggling)', () => {
    const inner = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'

    it.each([
      ['two framings', `Content-Length: ${inner.length}\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${inner}`],
      ['two lengths', `Content-Length: 0\r\nContent-Length: ${inner.length}`, inner],
      ['a folded framing', `Transfer-Encoding:\r\n chunked\r\nContent-Length: 0`, `0\r\n\r\n${inner}`],
      ['an unknown framing', 'Transfer-Encoding: xchunked', inner],
      ['a framing after a space', 'Transfer-Encoding : chunked', inner],
      ['a bare line feed', `X: 1\nTransfer-Encoding: chunked\nContent-Length: 0`, inner],
    ])('with %s does not get out', async (_name, headers, body) => {
      const api = await startApi()
      const origin = await proxied(api.origin)
      const text = await sendRaw(
        origin,
        `POST /proxy/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n\r\n${body}`,
      )
      expect(text).toMatch(/^HTTP\/1\.1 (400|501) /)
      expect(api.seen).toEqual([])
    })

    it('as the body of a method that has none stays a body', async () => {
      const api = await startApi()
      const origin = await proxied(api.origin, { bufferLimitBytes: 10 })
      for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS']) {
        for (const headers of [
          { 'content-length': String(inner.length) },
          { 'transfer-encoding': 'chunked' },
        ])
          await get(`${origin}/proxy/a`, { method, headers }, inner)
      }
      expect(api.seen.map(({ url }) => url)).toEqual(Array.from({ length: 8 }, () => '/a'))
      expect(new Set(api.seen.map(({ body }) => body.toString()))).toEqual(new Set([inner]))
    })

    it('behind a nominated Content-Length stays a body', async () => {
      const api = await startApi()
      const origin = await proxied(api.origin)
      const headers = {
        connection: 'content-length, host, authorization',
        'content-length': String(inner.length),
      }
      await get(`${origin}/proxy/a`, { method: 'POST', headers }, inner)
      expect(api.seen).toHaveLength(1)
      expect(api.seen[0]!.body.toString()).toBe(inner)
      expect(api.seen[0]!.headers.authorization).toMatch(/^Bearer /)
    })
  })

  it('two framings that a lenient server lets in become one', async () => {
    const api = await startApi()
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: api.origin, bufferLimitBytes: 10 }))
    const origin = await serve(app, { insecureHTTPParser: true })
    const head = 'POST /proxy/a HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n'
    for (const body of ['3\r\nabc\r\n0\r\n\r\n', '14\r\n01234567890123456789\r\n0\r\n\r\n'])
      await sendRaw(origin, `${head}Connection: close\r\n\r\n${body}`)
    expect(api.seen.map(({ body }) => body.toString())).toEqual(['abc', '01234567890123456789'])
  })

  it('trailers go nowhere', async () => {
    const api = await startApi((res) => {
      res.writeHead(200, { trailer: 'X-End' })
      res.write('a')
      res.addTrailers({ 'X-End': '1', 'Set-Cookie': 'a=b' })
      res.end()
    })
    const origin = await proxied(api.origin)
    const text = await sendRaw(
      origin,
      'POST /proxy/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n',
    )
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(text).not.toMatch(/X-End|Set-Cookie/i)
    expect(api.seen[0]!.rawHeaders.join()).not.toContain('Bearer x')
  })

  it('an Upgrade is a request like any other, and an API that switches protocols is cut off', async () => {
    const api = await startApi()
    const origin = await proxied(api.origin)
    const upgrade = 'Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n'
    expect(await sendRaw(origin, `GET /proxy/a HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`)).toMatch(
      /^HTTP\/1\.1 200 /,
    )
    expect(JSON.stringify(api.seen[0]!.headers)).not.toMatch(/upgrade|websocket/i)
    const switching = await startRawApi((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello')
    })
    expect(await get(`${await proxied(switching)}/proxy/a`)).toMatchObject({ status: 502 })
  })

  it('methods that echo or tunnel are refused', async () => {
    const api = await startApi()
    const origin = await proxied(api.origin)
    for (const method of ['TRACE', 'PROPFIND', 'PURGE']) {
      const answer = await get(`${origin}/proxy/a`, { method })
      expect(answer).toMatchObject({ status: 405 })
      expect(answer.headers.allow).toContain('POST')
    }
    const tunnel = await sendRaw(origin, 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n')
    expect(tunnel).not.toMatch(/ 200 /)
    expect(api.seen).toEqual([])
  })

  it.each([
    ['a split header', 'HTTP/1.1 200 OK\r\nX-A: a\rSet-Cookie: b=c\r\nContent-Length: 0\r\n\r\n'],
    ['a NUL', 'HTTP/1.1 200 OK\r\nX-A: a\u0000b\r\nContent-Length: 0\r\n\r\n'],
    ['two framings', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a coding nobody asked for', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['no status', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['headers without end', `HTTP/1.1 200 OK\r\n${`X: ${'a'.repeat(1_000)}\r\n`.repeat(40)}`],
  ])('an answer with %s is not passed on', async (_name, bytes) => {
    const origin = await proxied(await startRawApi((socket) => socket.write(bytes, 'latin1')))
    const answer = await get(`${origin}/proxy/a`)
    expect(answer.status).toBe(502)
    expect(answer.rawHeaders.join()).not.toMatch(/set-cookie/i)
  })

  it('reason phrases, early hints and odd statuses do no harm', async () => {
    const bytes =
      'HTTP/1.1 103 Early Hints\r\nSet-Cookie: a=b\r\n\r\nHTTP/1.1 299 <script>\r\nContent-Length: 2\r\n\r\nok'
    const origin = await proxied(await startRawApi((socket) => socket.write(bytes)))
    const text = await sendRaw(origin, 'GET /proxy/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 299 /)
    expect(text).not.toMatch(/script|set-cookie/i)
    expect(text).toMatch(/\r\n\r\nok$/)
  })

  it('a token that no header can carry is told as such', async () => {
    const api = await startApi()
    const { tokens } = await startWorld({ api: api.origin })
    const fake = { ...tokens, getAccessToken: async () => ({ ...oddToken, reveal: () => 'a\r\nX-Evil: 1' }) }
    const app = express()
    app.use('/proxy', tokenProxy({ tokens: fake as never, grantId: 'odd', target: api.origin }))
    const answer = await get(`${await serve(app)}/proxy/a`)
    expect(answer.status).toBe(502)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'invalid_reply' })
    expect(answer.text).not.toContain('Evil')
  })

  describe('what another site makes the browser send', () => {
    it.each([
      [{ 'sec-fetch-site': 'cross-site' }, 403],
      [{ 'sec-fetch-site': 'same-site' }, 403],
      [{ 'sec-fetch-site': 'same-origin, cross-site' }, 403],
      [{ origin: 'https://evil.example' }, 403],
      [{ origin: 'null' }, 403],
      [{ origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, 403],
      [{ 'sec-fetch-site': 'same-origin', origin: 'null' }, 200],
      [{ 'sec-fetch-site': 'none' }, 200],
      [{ origin: 'http://app.example', host: 'app.example' }, 200],
      [{ origin: 'https://friend.example', 'sec-fetch-site': 'cross-site' }, 200],
      [{}, 200],
    ])('%j: %i', async (headers, status) => {
      const api = await startApi()
      const origin = await proxied(api.origin, { allowedOrigins: ['https://friend.example'] })
      for (const method of ['GET', 'POST']) {
        const answer = await get(`${origin}/proxy/a`, { method, headers: headers as Record<string, string> })
        expect(answer.status).toBe(status)
        if (status === 403) expect(JSON.parse(answer.text)).toMatchObject({ code: 'cross_site' })
      }
      expect(api.seen).toHaveLength(status === 200 ? 2 : 0)
    })

    it('has not the required header', async () => {
      const api = await startApi()
      const origin = await proxied(api.origin, { requiredHeader: 'X-Requested-With' })
      const without = await get(`${origin}/proxy/a`)
      expect(without.status).toBe(403)
      expect(JSON.parse(without.text)).toMatchObject({ code: 'header_required' })
      const headers = { 'x-requested-with': 'app' }
      expect(await get(`${origin}/proxy/a`, { headers })).toMatchObject({ status: 200 })
    })
  })
})

const oddToken = { provider: 'passolution', grantId: 'odd', chain: 'c', generation: 1, expiresAtMs: null }
