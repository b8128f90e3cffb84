/** The documented exchange of the first real API, byte for byte on a server that records it. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTokenManager, memoryStore, passolution } from '@evergrant/core'
import { afterEach, beforeEach, expect, it } from 'vitest'

interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

let server: Server
let seen: Seen[]
const warnings: Error[] = []
const onWarning = (warning: Error): void => void warnings.push(warning)

beforeEach(async () => {
  seen = []
  warnings.length = 0
  process.on('warning', onWarning)
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (part: string) => {
      body += part
    })
    request.on('end', () => {
      seen.push({ method: request.method, url: request.url, headers: request.headers, body })
      response.setHeader('content-type', 'application/json')
      // As documented: no token_type, and a lifetime of one year.
      response.end('{"expires_in": 31536000, "access_token": "eyJ.next", "refresh_token": "def502.next"}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(() => {
  process.off('warning', onWarning)
  server.close()
})

it('sends the documented refresh request and lives a year on its reply', async () => {
  const { port } = server.address() as AddressInfo
  const tokens = createTokenManager({
    provider: passolution({
      clientId: 'client-7',
      clientSecret: 'secret-7',
      authorizationServer: `http://127.0.0.1:${port}`,
    }),
    store: memoryStore(),
  })
  await tokens.saveGrant(
    'agency',
    { access_token: 'eyJ.old', refresh_token: 'def502.old', expires_in: 31_536_000 },
    { receivedAtMs: 0 },
  )
  const token = await tokens.getAccessToken('agency')
  expect(token.reveal()).toBe('eyJ.next')
  expect((token.expiresAtMs ?? 0) - Date.now()).toBeGreaterThan(31_535_000_000)

  expect(seen).toHaveLength(1)
  const [request] = seen
  expect(request).toMatchObject({ method: 'POST', url: '/oauth/token' })
  expect(request?.headers['content-type']).toBe('application/json')
  expect(request?.headers['content-length']).toBe(String(request?.body.length))
  expect(request?.headers['transfer-encoding']).toBeUndefined()
  expect(request?.headers.authorization).toBeUndefined()
  expect(JSON.parse(request?.body ?? '')).toEqual({
    client_id: 'client-7',
    client_secret: 'secret-7',
    grant_type: 'refresh_token',
    refresh_token: 'def502.old',
  })

  // A timer for a year would fire at once (Node cuts it to 1 ms, with a warning), and again and again.
  for (let look = 0; look < 20; look++) {
    expect((await tokens.getAccessToken('agency')).generation).toBe(2)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  expect(seen).toHaveLength(1)
  expect(warnings.filter(({ name }) => name === 'TimeoutOverflowWarning')).toEqual([])
  await tokens.close()
})
