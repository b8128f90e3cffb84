import { describe, expect, it } from 'vitest'
import { type TokenProxyOptions, tokenProxy } from '../../src/index.js'
import { get, serve, startApi, startWorld, versions, type World } from '../world.js'

describe.each(versions)('through %s', (_, express) => {
  async function proxied(world: World, options: Partial<TokenProxyOptions> = {}): Promise<string> {
    const app = express()
    const { tokens, server } = world
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: `${server.origin}/api`, ...options }))
    return serve(app)
  }

  it('200 requests on the old token while it is rotated: 200 answers, one rotation, each body once', async () => {
    const world = await startWorld()
    const origin = await proxied(world)
    const gate = world.server.gate({ path: 'api' })
    const posts = Array.from({ length: 200 }, (_one, i) =>
      get(
        `${origin}/proxy/orders/${i}`,
        { method: 'POST', headers: { 'content-type': 'text/plain' } },
        `order ${i}`,
      ),
    )
    await gate.arrived(200)
    await world.revokeToken()
    gate.open()
    const answers = await Promise.all(posts)
    for (const [i, answer] of answers.entries()) {
      expect(answer.status).toBe(200)
      expect(JSON.parse(answer.text)).toMatchObject({ bodyText: `order ${i}` })
    }
    expect(world.server.ledger.rotations()).toHaveLength(1)
    const done = world.server.ledger.apiRequests({ decision: 'ok' }).map(({ path }) => path)
    expect(done.sort()).toEqual(answers.map((_answer, i) => `/api/orders/${i}`).sort())
    expect(world.server.ledger.apiRequests({ decision: 'unauthenticated' })).toHaveLength(200)
  })

  it('a body up to the limit is sent again, byte for byte, however it was framed', async () => {
    const world = await startWorld()
    const origin = await proxied(world, { bufferLimitBytes: 1_000 })
    for (const headers of [{ 'content-length': '1000' }, { 'transfer-encoding': 'chunked' }]) {
      await world.revokeToken()
      const answer = await get(`${origin}/proxy/a`, { method: 'POST', headers }, 'x'.repeat(1_000))
      expect(answer.status).toBe(200)
      expect(JSON.parse(answer.text).bodyText).toBe('x'.repeat(1_000))
      await nextRotationMayCome(world)
    }
  })

  it('a longer body is asked for again: 503, at once, and then it passes', async () => {
    for (const headers of [{ 'content-length': '1001' }, { 'transfer-encoding': 'chunked' }]) {
      const world = await startWorld()
      const origin = await proxied(world, { bufferLimitBytes: 1_000 })
      await world.revokeToken()
      const send = () => get(`${origin}/proxy/a`, { method: 'POST', headers }, 'x'.repeat(1_001))
      const refused = await send()
      expect(refused).toMatchObject({
        status: 503,
        headers: { 'retry-after': '0', 'cache-control': 'no-store' },
      })
      expect(JSON.parse(refused.text)).toMatchObject({ status: 503, code: 'token_rejected' })
      expect(world.server.ledger.apiRequests({ decision: 'ok' })).toHaveLength(0)
      const again = await send()
      expect(again.status).toBe(200)
      expect(JSON.parse(again.text).bodyText).toBe('x'.repeat(1_001))
    }
  })

  it('while the sender is still busy, an early 401 stops the way to the API, and is told', async () => {
    const api = express()
    api.use((_req, res) => void res.status(401).end())
    const target = await serve(api)
    const { tokens } = await startWorld({ api: target })
    const app = express()
    app.use(tokenProxy({ tokens, grantId: 'agency', target }))
    const body = Buffer.alloc(8 * 2 ** 20)
    const headers = { 'content-length': String(body.length) }
    const answer = await get(`${await serve(app)}/a`, { method: 'POST', headers }, body)
    expect(answer.status).toBe(503)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'token_rejected' })
  })

  it('a refusal that does not end is cut off, not read', async () => {
    let isCutOff = false
    const api = await startApi((res, _seen, index) => {
      if (index > 0) return void res.end('{}')
      res.on('close', () => {
        isCutOff = true
      })
      // More than the sockets between the two hold: what nobody reads would stay open.
      res.writeHead(401).write(Buffer.alloc(16 * 2 ** 20))
    })
    const { tokens } = await startWorld({ api: api.origin })
    const app = express()
    app.use('/proxy', tokenProxy({ tokens, grantId: 'agency', target: api.origin }))
    expect(await get(`${await serve(app)}/proxy/a`)).toMatchObject({ status: 200, text: '{}' })
    await expect.poll(() => isCutOff).toBe(true)
  })

  it('a second 401 stands, without a challenge that would open a login window', async () => {
    const api = await startApi((res) => res.writeHead(401, { 'www-authenticate': 'Basic' }).end('{"no":1}'))
    const world = await startWorld({ api: api.origin })
    const app = express()
    app.use('/proxy', tokenProxy({ tokens: world.tokens, grantId: 'agency', target: api.origin }))
    const origin = await serve(app)
    const answer = await get(`${origin}/proxy/a`)
    expect(answer).toMatchObject({ status: 401, text: '{"no":1}' })
    expect(answer.headers['www-authenticate']).toBeUndefined()
    expect(api.seen).toHaveLength(2)
    // And right after a rotation nobody burns another token: the 401 stands at once.
    expect(await get(`${origin}/proxy/a`)).toMatchObject({ status: 401 })
    expect(world.server.ledger.rotations()).toHaveLength(1)
  })

  it('a grant that dies on the way is told to connect', async () => {
    const world = await startWorld()
    const origin = await proxied(world)
    world.server.revokeFamily((await world.tokens.getAccessToken('agency')).reveal())
    const answer = await get(`${origin}/proxy/a`)
    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'reauthorization_required' })
  })

  it('a closed manager is told as such', async () => {
    const world = await startWorld()
    const origin = await proxied(world)
    await world.tokens.close()
    const answer = await get(`${origin}/proxy/a`)
    expect(answer.status).toBe(503)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'closed' })
  })

  it('who waits too long for a token is told so', async () => {
    const world = await startWorld()
    const origin = await proxied(world, { timeoutMs: 20 })
    const gate = world.server.gate()
    await world.revokeToken()
    const answer = await get(`${origin}/proxy/a`)
    expect(answer.status).toBe(504)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'timeout' })
    gate.open()
  })
})

/** Saves a new authorization: right after a rotation another 401 causes none. */
async function nextRotationMayCome({ tokens, server }: World): Promise<void> {
  await tokens.saveGrant('agency', server.issueGrant())
}
