import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import type { ErrorRequestHandler } from 'express'
import { describe, expect, it, vi } from 'vitest'
import { type TokenProxyOptions, tokenProxy } from '../../src/index.js'
import { get, sendRaw, serve, startApi, startRawApi, startWorld, versions } from '../world.js'

describe.each(versions)('through %s', (_, express) => {
  async function proxied(api: string, options: Partial<TokenProxyOptions> = {}) {
    const world = await startWorld({ api })
    const app = express()
    const errors: unknown[] = []
    app.use('/proxy', tokenProxy({ tokens: world.tokens, grantId: 'agency', target: api, ...options }))
    app.use((error: unknown, _req: unknown, res: { sendStatus(n: number): void }, _next: unknown) => {
      errors.push(error)
      res.sendStatus(500)
    })
    return { ...world, errors, origin: await serve(app) }
  }

  it('a client that leaves in the middle of a short body: nothing is sent', async () => {
    const api = await startApi()
    const { origin, errors } = await proxied(api.origin)
    const call = request(`${origin}/proxy/a`, { method: 'POST', headers: { 'content-length': '100' } })
    call.on('error', () => {})
    call.write('abc')
    await once(call, 'socket')
    call.destroy()
    await get(`${origin}/proxy/b`)
    expect(api.seen.map(({ url }) => url)).toEqual(['/b'])
    expect(errors).toEqual([])
  })

  it('a client that leaves in the middle of a long body: the API sees no end of it', async () => {
    const api = await startApi()
    const { origin, errors } = await proxied(api.origin, { bufferLimitBytes: 10 })
    for (const headers of [{ 'content-length': '1000' }, { 'transfer-encoding': 'chunked' }]) {
      const before = api.begun.length
      const call = request(`${origin}/proxy/a`, { method: 'POST', headers })
      call.on('error', () => {})
      call.write('x'.repeat(100))
      await until(() => api.begun.length > before)
      const arrived = api.begun[before]!
      const aborted = closing(arrived)
      call.destroy()
      await aborted
      expect(arrived.complete).toBe(false)
    }
    expect(api.seen).toEqual([])
    expect(errors).toEqual([])
  })

  it('a client that leaves a long body when the answer is complete already: the API sees no end of it', async () => {
    const api = express()
    let arrived: IncomingMessage | undefined
    api.use((req, res) => {
      arrived = req
      res.end('early')
    })
    const { origin } = await proxied(await serve(api, { keepAliveTimeout: 60_000 }), { bufferLimitBytes: 10 })
    const call = request(`${origin}/proxy/a`, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
    call.on('error', () => {})
    call.write('x'.repeat(100))
    const [answer] = (await once(call, 'response')) as [IncomingMessage]
    answer.resume()
    await once(answer, 'end')
    const closed = closing(arrived!.socket)
    call.destroy()
    await closed
    expect(arrived!.complete).toBe(false)
  })

  it('a client that leaves while its token is waited for: the rotation goes on, nothing is sent', async () => {
    const world = await startWorld()
    const app = express()
    const { tokens, server } = world
    let left: Promise<void> | undefined
    app.use((_req, res, next) => {
      left = closing(res)
      next()
    })
    app.use(tokenProxy({ tokens, grantId: 'agency', target: `${server.origin}/api` }))
    const origin = await serve(app)
    const gate = server.gate()
    await world.revokeToken()
    const call = request(`${origin}/a`)
    call.on('error', () => {})
    call.end()
    await gate.arrived()
    call.destroy()
    await left
    gate.open()
    expect((await tokens.getAccessToken('agency')).generation).toBe(2)
    await until(() => server.ledger.rotations().length === 1)
    await get(`${origin}/b`)
    expect(server.ledger.apiRequests({ decision: 'ok' }).map(({ path }) => path)).toEqual(['/api/b'])
  })

  it('a client that leaves while the API thinks: the API is told', async () => {
    let closed: Promise<unknown> | undefined
    const api = await startApi((res) => {
      closed = closing(res)
    })
    const { origin, errors } = await proxied(api.origin)
    const call = request(`${origin}/proxy/a`)
    call.on('error', () => {})
    call.end()
    await until(() => closed !== undefined)
    call.destroy()
    await closed
    expect(errors).toEqual([])
  })

  it('a client that leaves in the middle of the answer: the API is told', async () => {
    let closed: Promise<unknown> | undefined
    const api = await startApi((res) => {
      closed = closing(res)
      res.write('begin')
    })
    const { origin } = await proxied(api.origin)
    const response = await fetch(`${origin}/proxy/a`)
    await response.body!.cancel()
    await closed
  })

  it.each([
    ['a length', 'Content-Length: 10\r\n\r\nabc'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])(
    'an API that breaks off an answer with %s: the client sees that it is broken',
    async (_framing, rest) => {
      const api = await startRawApi((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${rest}`, () => socket.destroy())
      })
      const { origin, errors } = await proxied(api)
      await expect(fetch(`${origin}/proxy/a`).then((response) => response.text())).rejects.toThrow()
      expect(errors).toEqual([])
    },
  )

  it('an API that hangs up without an answer: 502', async () => {
    const { origin } = await proxied(await startRawApi((socket) => socket.destroy()))
    const answer = await get(`${origin}/proxy/a`, { method: 'POST' }, 'abc')
    expect(answer.status).toBe(502)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'api_unreachable' })
  })

  it('nobody there: 502', async () => {
    const { origin } = await proxied('http://127.0.0.1:1')
    expect(await get(`${origin}/proxy/a`)).toMatchObject({ status: 502 })
  })

  it('an API that does not answer: 504; one that stops in the middle: broken off', async () => {
    const silent = await proxied(await startRawApi(() => {}), { idleTimeoutMs: 30 })
    const answer = await get(`${silent.origin}/proxy/a`)
    expect(answer.status).toBe(504)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'api_timeout' })
    const stopping = await startRawApi((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
    })
    // Long enough for a busy machine to see the beginning within it.
    const { origin } = await proxied(stopping, { idleTimeoutMs: 500 })
    await expect(fetch(`${origin}/proxy/a`).then((response) => response.text())).rejects.toThrow()
  })

  it('an answer that comes bit by bit is waited for, however long it takes', async () => {
    const answer = async (socket: Socket): Promise<void> => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')
      for (const bit of 'hello') {
        await passed(150)
        socket.write(bit)
      }
    }
    const api = await startRawApi((socket) => void answer(socket))
    const { origin } = await proxied(api, { idleTimeoutMs: 500 })
    expect((await get(`${origin}/proxy/a`)).text).toBe('hello')
  })

  it('an agent that is passed gets the same timeouts', async () => {
    const agent = new Agent({ keepAlive: true })
    const { origin } = await proxied(await startRawApi(() => {}), { idleTimeoutMs: 30, agent })
    const answer = await get(`${origin}/proxy/a`)
    expect(JSON.parse(answer.text)).toMatchObject({ status: 504, code: 'api_timeout' })
    agent.destroy()
  })

  it('an agent that turns out to be for another protocol is the application’s error, not the token’s', async () => {
    const agent = new Agent()
    Reflect.deleteProperty(agent, 'protocol')
    Object.setPrototypeOf(agent, Object.create(Agent.prototype, { protocol: { get: () => 'https:' } }))
    const api = await startApi()
    const { origin, errors } = await proxied(api.origin, { agent })
    expect(await get(`${origin}/proxy/a`)).toMatchObject({ status: 500 })
    expect(errors).toMatchObject([{ code: 'ERR_INVALID_PROTOCOL' }])
  })

  it('a timeout on a kept connection ends that request, and no other', async () => {
    const api = await startApi((res, { url }) => {
      if (url !== '/late') res.end('ok')
    })
    const { origin } = await proxied(api.origin, { idleTimeoutMs: 500 })
    expect((await get(`${origin}/proxy/a`)).text).toBe('ok')
    expect(await get(`${origin}/proxy/late`)).toMatchObject({ status: 504 })
    expect((await get(`${origin}/proxy/b`)).text).toBe('ok')
  })

  it.each([
    ['our own', undefined],
    ['a given', new Agent({ keepAlive: true, timeout: 60_000 })],
  ])(
    '%s agent: a slow answer on a kept connection, longer than the API keeps unused ones',
    async (_, agent) => {
      const api = await startRawApi((socket, index) => {
        const answer = () =>
          socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 2\r\n\r\nok')
        if (index === 0) answer()
        else setTimeout(answer, 1_300)
      })
      const { origin } = await proxied(api, { agent })
      expect((await get(`${origin}/proxy/a`)).text).toBe('ok')
      expect((await get(`${origin}/proxy/b`)).text).toBe('ok')
      agent?.destroy()
    },
  )

  it('a connection that nobody uses is closed before the API would', async () => {
    let connection: Socket | undefined
    const api = await startRawApi((socket) => {
      connection = socket
      socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 2\r\n\r\nok')
    })
    const { origin } = await proxied(api)
    expect((await get(`${origin}/proxy/a`)).text).toBe('ok')
    const answeredAtMs = performance.now()
    const gone = once(connection!, 'end')
    const isKept = await Promise.race([gone.then(() => false), passed(100, true)])
    expect(isKept).toBe(true)
    await gone
    expect(performance.now() - answeredAtMs).toBeLessThan(1_900)
  })

  it('a kept connection that the API closed meanwhile: once more, unless something may have been done', async () => {
    const api = await startRawApi((socket, index) => {
      // Answers the first request of a connection, and hangs up on the second.
      if (index % 2 === 1) socket.destroy()
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
    const { origin } = await proxied(api)
    expect((await get(`${origin}/proxy/a`)).text).toBe('ok')
    expect((await get(`${origin}/proxy/b`)).text).toBe('ok')
    const post = await get(`${origin}/proxy/c`, { method: 'POST' }, 'abc')
    expect(post.status).toBe(502)
  })

  /** Answers the first request, begins to answer the second, and asks what follows then. */
  async function startBeginning(beginning: string, next: (socket: Socket) => void) {
    let asked = 0
    const origin = await startRawApi((socket, index) => {
      asked += 1
      if (index === 0) return void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      socket.write(beginning, () => next(socket))
    })
    return { origin, asked: () => asked }
  }

  it('a kept connection that the API resets in the middle of an answer: broken off, and not asked again', async () => {
    let connection: Socket | undefined
    const api = await startBeginning('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', (socket) => {
      connection = socket
    })
    const { origin } = await proxied(api.origin)
    expect((await get(`${origin}/proxy/a`)).text).toBe('ok')
    const answer = await fetch(`${origin}/proxy/b`)
    connection?.resetAndDestroy()
    await expect(answer.text()).rejects.toThrow()
    expect(api.asked()).toBe(2)
  })

  it('an answer in HTTP/1.0 that the API breaks off does not end as if it were whole', async () => {
    const api = await startRawApi((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', () =>
        socket.destroy(),
      )
    })
    const { origin } = await proxied(api)
    const client = connect(Number(new URL(origin).port), '127.0.0.1')
    client.write('GET /proxy/a HTTP/1.0\r\n\r\n')
    client.resume()
    const [error] = await once(client, 'error')
    expect(error).toMatchObject({ code: 'ECONNRESET' })
  })

  it('an answer in HTTP/1.0 that the API breaks off, over a Unix socket: ended, and the process goes on', async () => {
    const api = await startRawApi((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc', () => socket.destroy())
    })
    const { tokens } = await startWorld({ api })
    const app = express()
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: api }))
    const folder = await mkdtemp(join(tmpdir(), 'evergrant-'))
    const server = createServer((req, res) => void app(req, res)).listen(join(folder, 'socket'))
    await once(server, 'listening')
    const client = connect(join(folder, 'socket'))
    client.write('GET /proxy/a HTTP/1.0\r\n\r\n')
    client.resume()
    await once(client, 'close')
    server.close()
    await rm(folder, { recursive: true })
  })

  it('a kept connection that is reset when an answer has begun, be it half a head: not asked again', async () => {
    // Half a head shows nowhere: the reset must only come after it.
    const later = (socket: Socket) => void setTimeout(() => socket.resetAndDestroy(), 50)
    const api = await startBeginning('HTTP/1.1 200 OK\r\nX-Job-Started: 1\r\n', later)
    const { origin } = await proxied(api.origin)
    expect((await get(`${origin}/proxy/a`)).text).toBe('ok')
    expect(await get(`${origin}/proxy/b`)).toMatchObject({ status: 502 })
    expect(api.asked()).toBe(2)
  })

  it('a body longer than the buffer, and no token for it: the next request on that connection is served', async () => {
    const api = await startApi()
    const { origin } = await proxied(api.origin, {
      grantId: (req) => (req.method === 'POST' ? 'nobody' : 'agency'),
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const refused = await get(
      `${origin}/proxy/a`,
      { method: 'POST', agent, headers: { 'transfer-encoding': 'chunked' } },
      'x'.repeat(2_000_000),
    )
    expect(refused.status).toBe(401)
    expect(await get(`${origin}/proxy/b`, { agent })).toMatchObject({ status: 200 })
    agent.destroy()
  })

  it('a body beyond the limit is refused, and the API never takes a part for the whole', async () => {
    const api = await startApi()
    const { origin } = await proxied(api.origin, { bufferLimitBytes: 10, maxBodyBytes: 100 })
    const announced = await get(
      `${origin}/proxy/a`,
      { method: 'POST', headers: { 'content-length': '101' } },
      'x'.repeat(101),
    )
    expect(announced).toMatchObject({ status: 413, headers: { connection: 'close' } })
    expect(api.begun).toHaveLength(0)
    const chunked = await get(
      `${origin}/proxy/a`,
      { method: 'POST', headers: { 'transfer-encoding': 'chunked' } },
      'x'.repeat(101),
    )
    expect(chunked).toMatchObject({ status: 413 })
    expect(JSON.parse(chunked.text)).toMatchObject({ code: 'body_too_large' })
    const endless = await sendRaw(
      origin,
      `POST /proxy/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${'14\r\n01234567890123456789\r\n'.repeat(10)}`,
    )
    expect(endless).toMatch(/^HTTP\/1\.1 413 /)
    expect(api.seen).toEqual([])
  })

  it('an application that answers for itself meanwhile is not interfered with', async () => {
    const { tokens, server } = await startWorld()
    const app = express()
    const errors: unknown[] = []
    app.use((req, res, next) => {
      res.once('close', () => gate.open())
      next()
      if (req.query.late) res.status(503).end('too late')
    })
    app.use(tokenProxy({ tokens, grantId: 'agency', target: `${server.origin}/api` }))
    app.use((error: unknown, _req: unknown, _res: unknown, _next: unknown) => void errors.push(error))
    const origin = await serve(app)
    const gate = server.gate({ path: 'api' })
    const late = await get(`${origin}/a?late=1`)
    expect(late).toMatchObject({ status: 503, text: 'too late' })
    expect(await get(`${origin}/b`)).toMatchObject({ status: 200 })
    await tokens.close()
    expect(await get(`${origin}/c?late=1`)).toMatchObject({ status: 503, text: 'too late' })
    expect(errors).toEqual([])
  })

  it('a 401 that breaks off while another token is waited for is no answer', async () => {
    let breakOff = (): void => {}
    const api = await startRawApi((socket) => {
      breakOff = () => socket.destroy()
      socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nabc')
    })
    const { tokens } = await startWorld({ api })
    const agent = new Agent({ keepAlive: true })
    async function reportRejected(): Promise<undefined> {
      breakOff()
      await vi.waitFor(() => expect(Object.values(agent.sockets).flat()).toHaveLength(0))
    }
    const app = express()
    app.use(tokenProxy({ tokens: { ...tokens, reportRejected }, grantId: 'agency', target: api, agent }))
    expect(await get(`${await serve(app)}/a`)).toMatchObject({ status: 502 })
  })

  it.each([200, 401])(
    'an application whose writeHead throws hears of it, and no call stays open: %i',
    async (status) => {
      const api = await startApi((res) => res.writeHead(status).end('x'.repeat(200_000)))
      const { tokens } = await startWorld({ api: api.origin })
      const agent = new Agent({ keepAlive: true })
      const app = express()
      app.use((req, res, next) => {
        if (req.query.bad === undefined) return next()
        const { writeHead } = res
        res.writeHead = () => {
          res.writeHead = writeHead
          throw new Error('of the application')
        }
        next()
      })
      const deaf = { ...tokens, reportRejected: async () => undefined }
      app.use(tokenProxy({ tokens: deaf, grantId: 'agency', target: `${api.origin}/api`, agent }))
      const handle: ErrorRequestHandler = (error, _req, res, _next) => void res.status(500).end(error.message)
      app.use(handle)
      const origin = await serve(app)
      expect(await get(`${origin}/a?bad`)).toMatchObject({ status: 500, text: 'of the application' })
      await vi.waitFor(() => expect(Object.values(agent.sockets).flat()).toHaveLength(0))
      expect((await get(`${origin}/a`)).status).toBe(status)
      agent.destroy()
    },
  )

  it('a slow reader slows the API down', async () => {
    let written = 0
    const api = await startApi((res) => {
      const more = (): void => {
        while (written < 64 * 2 ** 20 && res.write(Buffer.alloc(65_536))) written += 65_536
        if (written >= 64 * 2 ** 20) res.end()
        else res.once('drain', more)
      }
      more()
    })
    const { origin } = await proxied(api.origin)
    const call = request(`${origin}/proxy/a`).end()
    const [answer] = (await once(call, 'response')) as [NodeJS.ReadableStream & { destroy(): void }]
    await new Promise((resolve) => setImmediate(resolve))
    let before = -1
    // Until nothing moves any more: what the buffers of two connections hold, far from all.
    while (before !== written) {
      before = written
      await get(`${origin}/nowhere`)
      await get(`${origin}/nowhere`)
    }
    expect(written).toBeLessThan(64 * 2 ** 20)
    answer.destroy()
  })

  it('a long body arrives as it was sent', async () => {
    const api = await startApi()
    const { origin } = await proxied(api.origin)
    const body = Buffer.alloc(3 * 2 ** 20, 'abcdefghijk')
    for (const headers of [{ 'content-length': String(body.length) }, { 'transfer-encoding': 'chunked' }])
      expect(await get(`${origin}/proxy/a`, { method: 'PUT', headers }, body)).toMatchObject({ status: 200 })
    expect(api.seen.map((seen) => seen.body.equals(body))).toEqual([true, true])
    expect(api.seen.map(({ headers }) => headers['content-length'])).toEqual([String(body.length), undefined])
  })
})

/** Also when it closes with an error. */
function closing(stream: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => stream.once('close', () => resolve()))
}

/** Looks each turn of the event loop. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve))
}
