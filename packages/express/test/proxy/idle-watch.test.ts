/** When nothing moves between us and the API, and when something does that does not look like it. */
import { once } from 'node:events'
import {
  Agent,
  type ClientRequestArgs,
  createServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as passed } from 'node:timers/promises'
import { memoryStore, type TokenStore } from '@evergrant/core'
import express from 'express'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type TokenProxyOptions, tokenProxy } from '../../src/index.js'
import { get, serve, startApi, startRawApi, startWorld } from '../world.js'

async function proxied(
  api: string,
  options: Partial<TokenProxyOptions>,
  store?: TokenStore,
): Promise<string> {
  const { tokens } = await startWorld(store ? { api, store } : { api })
  const app = express()
  app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: api, ...options }))
  return `${await serve(app)}/proxy`
}

/** Reads ten megabytes a second. */
async function startSlowReader(): Promise<{ readonly origin: string; readBytes(): number }> {
  let readBytes = 0
  async function readSlowly(req: IncomingMessage, res: ServerResponse): Promise<void> {
    for await (const chunk of req as AsyncIterable<Buffer>) {
      readBytes += chunk.length
      await passed(chunk.length / 10_000)
    }
    res.end('read')
  }
  const api = createServer((req, res) => void readSlowly(req, res).catch(() => res.destroy()))
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void api.close())
  const { port } = api.address() as { port: number }
  return { origin: `http://127.0.0.1:${port}`, readBytes: () => readBytes }
}

it('a long body that a slow API is still reading is no silence', async () => {
  const api = await startSlowReader()
  const bytes = 24_000_000
  const options = { bufferLimitBytes: bytes, idleTimeoutMs: 600 }
  const origin = await proxied(api.origin, options)
  const answer = await get(`${origin}/a`, { method: 'POST' }, 'x'.repeat(bytes))
  expect(answer).toMatchObject({ status: 200, text: 'read' })
  expect(api.readBytes()).toBe(bytes)
})

it('a refused request whose next token takes longer: its 401 is passed on whole', async () => {
  const inner = memoryStore()
  let isSlow = false
  const store: TokenStore = {
    ...inner,
    async load(key) {
      if (isSlow) await passed(700)
      return inner.load(key)
    },
  }
  const api = await startApi((res) => {
    res.writeHead(401, { 'content-length': '11' }).end('hello world')
  })
  const origin = await proxied(api.origin, { idleTimeoutMs: 300 }, store)
  await get(`${origin}/a`)
  // Rotated just now: another look at the store is all that is left, a second later.
  await passed(1_100)
  isSlow = true
  expect(await get(`${origin}/b`)).toMatchObject({ status: 401, text: 'hello world' })
})

it.each<[string, () => Agent]>([
  ['all connections of the agent are taken', () => new Agent({ keepAlive: true, maxSockets: 1 })],
  ['the agent makes none', () => Object.assign(new Agent(), { createConnection: () => undefined as never })],
])('no connection, as %s: 504', async (_, agent) => {
  const api = await startApi((res, { url }) => {
    if (url !== '/stream') return res.end('ok')
    const writing = setInterval(() => res.write('x'), 50)
    res.on('close', () => clearInterval(writing))
  })
  const origin = await proxied(api.origin, { agent: agent(), idleTimeoutMs: 400 })
  const leaving = new AbortController()
  const stream = fetch(`${origin}/stream`, { signal: leaving.signal })
  await passed(50)
  expect(await get(`${origin}/a`)).toMatchObject({ status: 504 })
  leaving.abort()
  await stream.then(
    ({ body }) => body?.cancel().catch(() => {}),
    () => {},
  )
})

it('a client that reads an answer more slowly than the API writes it gets all of it', async () => {
  let passedOn: ServerResponse | undefined
  async function fill(res: ServerResponse): Promise<void> {
    while (!passedOn?.writableNeedDrain) {
      res.write(Buffer.alloc(8_192, 'x'))
      await passed(0)
    }
    res.end(Buffer.alloc(15_000, 'T'))
  }
  const api = await startApi((res) => void fill(res))
  const { tokens } = await startWorld({ api: api.origin })
  const app = express()
  app.use((_req, res, next) => {
    passedOn = res
    next()
  })
  app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: api.origin, idleTimeoutMs: 300 }))
  const client = connect(Number(new URL(await serve(app)).port), '127.0.0.1')
  client.write('GET /proxy/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  client.pause()
  await vi.waitUntil(() => passedOn?.writableNeedDrain, { timeout: 10_000 })
  await passed(700)
  const text = (await buffer(client)).toString('latin1')
  expect(text.match(/T/g)?.length).toBeGreaterThanOrEqual(15_000)
  expect(text.endsWith('\r\n0\r\n\r\n')).toBe(true)
})

it('a client that pauses in the middle of a long body is not taken for a silent API', async () => {
  const api = await startApi((res) => res.end('ok'))
  const origin = await proxied(api.origin, { bufferLimitBytes: 10, idleTimeoutMs: 300 })
  const call = request(`${origin}/a`, { method: 'POST', headers: { 'content-length': '200' } })
  call.write('x'.repeat(100))
  await passed(700)
  call.end('x'.repeat(100))
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  expect(answer.statusCode).toBe(200)
  answer.resume()
})

it('a long body through a connection that does not count its bytes, and a slow API: whole', async () => {
  const api = await startSlowReader()
  const origin = await proxied(api.origin, { agent: new WrappingAgent(), idleTimeoutMs: 1_200 })
  const answer = await get(`${origin}/a`, { method: 'POST' }, 'x'.repeat(30_000_000))
  expect(answer).toMatchObject({ status: 200 })
  expect(api.readBytes()).toBe(30_000_000)
})

it('an API that answers early and takes no more of the body: given up, and the client can end', async () => {
  const api = await startRawApi((socket, index) => {
    if (index > 0) return
    socket.pause()
    socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno')
  })
  const origin = await proxied(api, { bufferLimitBytes: 10, idleTimeoutMs: 300 })
  const bytes = Buffer.alloc(30_000_000)
  const call = request(`${origin}/a`, { method: 'POST', headers: { 'content-length': String(bytes.length) } })
  call.end(bytes)
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  expect(await buffer(answer)).toEqual(Buffer.from('no'))
  await vi.waitUntil(() => call.writableFinished, { timeout: 5_000 })
})

it('a silent API on a connection that does not count its bytes: 504', async () => {
  const api = await startApi(() => {})
  const origin = await proxied(api.origin, { agent: new WrappingAgent(), idleTimeoutMs: 300 })
  expect(await get(`${origin}/a`)).toMatchObject({ status: 504 })
})

it('connections that do not count their bytes are left alone once there is an answer', async () => {
  async function answerSlowly(res: ServerResponse): Promise<void> {
    res.flushHeaders()
    for (const bit of 'hello') {
      await passed(150)
      res.write(bit)
    }
    res.end()
  }
  const api = await startApi((res) => void answerSlowly(res))
  const origin = await proxied(api.origin, { agent: new WrappingAgent(), idleTimeoutMs: 300 })
  expect((await get(`${origin}/a`)).text).toBe('hello')
})

/** As agents of tunnels have it: not the socket, but a stream through it. */
class WrappingAgent extends Agent {
  override createConnection({ port, host }: ClientRequestArgs): Duplex {
    const socket = connect(Number(port), host ?? '127.0.0.1')
    const stream = Duplex.from({ readable: socket, writable: socket })
    const nothing = (): Duplex => stream
    return Object.assign(stream, {
      setKeepAlive: nothing,
      setNoDelay: nothing,
      setTimeout: nothing,
      ref: nothing,
      unref: nothing,
    })
  }
}
