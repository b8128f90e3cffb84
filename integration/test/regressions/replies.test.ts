/** Replies that are damaged, echo the request, or bring what was not asked for. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { memoryStore, oauth2Provider, type TokenManagerOptions } from '@evergrant/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { gatedStore } from '../gated-store.js'
import { jumpingClock, shortTimings } from '../small-fleet.js'
import { openServer } from './plain-server.js'
import { openManager, sleep } from './scene.js'

/** A manager of one token endpoint, with a store to look into. */
function openAt(origin: string, options: Partial<TokenManagerOptions> = {}) {
  const store = options.store ?? memoryStore()
  const tokens = openManager({
    provider: oauth2Provider({ id: 'p', clientId: 'c', tokenEndpoint: `${origin}/token` }),
    timings: shortTimings,
    ...options,
    store,
  })
  return { store, tokens }
}

describe('a successor', () => {
  // The first thing that looked like a refresh token was taken, or nothing at all.
  it.each([
    [
      'after warnings of the server',
      '<br />\n<b>Deprecated</b>: x in y.php\n{"access_token":"A","refresh_token":"NEW","expires_in":3600}',
    ],
    [
      'after an echo of the request, in a body that is cut',
      '{"request":{"refresh_token":"OLD"},"access_token":"A","refresh_token":"NEW","expires_in":3600,"x":',
    ],
  ])('is found %s', async (_, body) => {
    const server = await openServer(() => ({ body }))
    const { store, tokens } = openAt(server.origin)
    await tokens.saveGrant('g', { access_token: 'a', refresh_token: 'OLD', expires_in: 3600 })
    const token = await tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 5_000 })
    expect(token.reveal()).toBe('A')
    const { record } = await store.load({ provider: 'p', grantId: 'g' })
    expect(JSON.parse(record?.secret ?? '{}')).toMatchObject({ refresh_token: 'NEW' })
  })
})

describe('a refusal', () => {
  // The echoed refresh token counted as a successor, and was rotated again and again.
  it('that echoes the request kills the grant after one request', async () => {
    const server = await openServer(({ body }) => {
      const echo = Object.fromEntries(new URLSearchParams(body))
      return { status: 400, body: JSON.stringify({ error: 'invalid_grant', ...echo }) }
    })
    const { tokens } = openAt(server.origin, { timeoutMs: 2_000 })
    const grant = { access_token: 'a', refresh_token: 'OLD', expires_in: 3600 }
    await tokens.saveGrant('g', grant, { receivedAtMs: 0 })
    await expect(tokens.getAccessToken('g')).rejects.toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' })
    expect(server.bodies).toHaveLength(1)
  })
})

describe('client credentials', () => {
  // The parameter of the other grant type went along.
  it('are asked for without the refresh token that a reply brought along', async () => {
    const server = await openServer(({ count }) => ({
      body: JSON.stringify({ access_token: `A${count}`, refresh_token: 'R', expires_in: 3600 }),
    }))
    const { tokens } = openAt(server.origin, { clientCredentials: { own: {} } })
    await tokens.getAccessToken('own')
    await tokens.getAccessToken('own', { forceRefresh: true })
    expect(server.bodies).toHaveLength(2)
    for (const body of server.bodies) {
      expect(body).toContain('grant_type=client_credentials')
      expect(body).not.toContain('refresh_token')
    }
  })

  // The grant was marked dead, and there was no user who could have revived it.
  it('that were refused once can be had again', async () => {
    const server = await openServer(({ count }) =>
      count === 1
        ? { status: 400, body: '{"error":"invalid_grant"}' }
        : { body: JSON.stringify({ access_token: 'A', expires_in: 3600 }) },
    )
    const clock = jumpingClock()
    const store = memoryStore({ now: clock.now })
    const { tokens } = openAt(server.origin, { clock, store, clientCredentials: { own: {} } })
    const first = tokens.getAccessToken('own', { timeoutMs: 2_000 })
    await expect(first).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', reason: 'invalid_grant' })
    clock.jump(10_000)
    expect((await tokens.getAccessToken('own')).reveal()).toBe('A')
    expect(server.bodies).toHaveLength(2)
  })
})

describe('an answer that comes before the request', () => {
  // The token left behind it, and the fleet was told that it had not.
  it('is the end of it: no byte of the token leaves, and it is counted as not sent', async () => {
    let received = ''
    let finish = (): void => {}
    // As something does that has too many connections: it answers whoever connects, and reads nothing first.
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        received += bytes.toString()
      })
      socket.write('HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 4\r\n\r\nab')
      finish = () => socket.end('cd')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())

    const store = gatedStore(memoryStore())
    let answered = (): void => {}
    const answer = new Promise<void>((resolve) => {
      answered = resolve
    })
    const { tokens } = openAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      store,
      async fetch(input, init) {
        const response = await fetch(input, init)
        answered()
        return response
      },
    })
    await tokens.saveGrant('g', { access_token: 'a', refresh_token: 'OLD', expires_in: 3600 })
    const arm = store.hold('arm', 'before')
    const outcome = tokens
      .getAccessToken('g', { forceRefresh: true, timeoutMs: 2_000 })
      .catch((error: unknown) => error)
    await Promise.all([arm.arrived, answer])
    arm.open()
    await sleep(20)
    finish()
    expect(await outcome).toMatchObject({ code: 'RATE_LIMITED' })
    expect(received).not.toContain('OLD')
    const { record } = await store.load({ provider: 'p', grantId: 'g' })
    expect(record).toMatchObject({ sends: 0, attempts: [] })
  })
})
