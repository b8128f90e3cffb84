import { connect } from 'node:net'
import { type AuthorizationServer, type Fault, fakeClock } from '@evergrant/testing'
import { expect, test } from 'vitest'
import { callApi, refresh, refreshed, serve } from './wire.js'

interface Seen {
  readonly status?: number
  readonly body?: string
  /** The connection broke, before or in the body. */
  readonly broke?: 'before-reply' | 'in-body'
}

/** One refresh under a fault: what a client sees, and whether the token survived. */
async function under(
  fault: Fault,
): Promise<{ server: AuthorizationServer; seen: Seen; consumed: boolean; token: string }> {
  const server = await serve()
  const token = server.issueGrant().refresh_token
  server.faults.add(fault)
  const seen = await look(refresh(server, token))
  return { server, seen, consumed: !server.isAlive(token), token }
}

async function look(pending: Promise<Response>): Promise<Seen> {
  let response: Response
  try {
    response = await pending
  } catch {
    return { broke: 'before-reply' }
  }
  try {
    return { status: response.status, body: await response.text() }
  } catch {
    return { status: response.status, broke: 'in-body' }
  }
}

test.each<[Fault, boolean, Seen]>([
  [{ kind: 'cut' }, true, { broke: 'before-reply' }],
  [{ kind: 'cut', at: 'in-body' }, true, { status: 200, broke: 'in-body' }],
  [{ kind: 'cut', when: 'before' }, false, { broke: 'before-reply' }],
  [{ kind: 'status', status: 500 }, false, { status: 500 }],
  [{ kind: 'status', status: 500, when: 'after' }, true, { status: 500 }],
  [{ kind: 'status', status: 502, when: 'after' }, true, { status: 502 }],
  [{ kind: 'status', status: 503 }, false, { status: 503 }],
  [{ kind: 'status', status: 504, when: 'after' }, true, { status: 504 }],
  [{ kind: 'throttled' }, false, { status: 429, body: '{"message":"Too Many Attempts."}' }],
  [{ kind: 'invalid-client' }, false, { status: 401 }],
  [{ kind: 'unauthorized-client' }, false, { status: 403 }],
  [{ kind: 'refused-with-200' }, false, { status: 200 }],
  [{ kind: 'error', error: 'invalid_grant' }, false, { status: 400, body: '{"error":"invalid_grant"}' }],
  [{ kind: 'malformed-json' }, true, { status: 200 }],
  [{ kind: 'truncated-json' }, true, { status: 200 }],
  [{ kind: 'html' }, true, { status: 200 }],
  [{ kind: 'firewall' }, false, { status: 403 }],
  [{ kind: 'redirect', status: 307 }, false, { status: 307, body: '' }],
  [{ kind: 'missing-access-token' }, true, { status: 200 }],
])('%j: consumed is %s and the client sees %j', async (fault, consumed, seen) => {
  const result = await under(fault)
  expect(result.seen).toMatchObject(seen)
  expect(result.consumed).toBe(consumed)
  expect(result.server.ledger.tokenRequests()).toMatchObject([
    { outcome: `fault:${fault.kind}`, decision: consumed ? 'rotated' : 'none' },
  ])
  // Struck once; the next request meets the server as it is.
  expect((await refresh(result.server, result.token)).status).toBe(consumed ? 401 : 200)
})

test.each(['malformed-json', 'truncated-json', 'html', 'firewall'] as const)(
  'the body of %s is no JSON',
  async (kind) => {
    const { body } = (await under({ kind })).seen
    expect(() => JSON.parse(body ?? '{}') as unknown).toThrow()
  },
)

test('the reply of missing-access-token still carries the refresh token', async () => {
  const { server, seen } = await under({ kind: 'missing-access-token' })
  const reply = JSON.parse(seen.body ?? '') as Record<string, string>
  expect(Object.keys(reply).toSorted()).toEqual(['expires_in', 'refresh_token'])
  expect(server.isAlive(reply.refresh_token ?? '')).toBe(true)
})

test('reply-fields sets and leaves out fields of the reply', async () => {
  const { seen } = await under({ kind: 'reply-fields', fields: { expires_in: 'soon', refresh_token: null } })
  expect(JSON.parse(seen.body ?? '')).toStrictEqual({ expires_in: 'soon', access_token: expect.any(String) })
})

test('Retry-After comes in seconds, as an HTTP date, or not at all', async () => {
  const clock = fakeClock(1_700_000_000_000)
  const server = await serve({ now: clock.now })
  server.faults.add({ kind: 'throttled', retryAfterMs: 1_500 })
  server.faults.add({ kind: 'status', status: 503, retryAfterMs: 60_000, retryAfterFormat: 'http-date' })
  server.faults.add({ kind: 'throttled' })
  const seen: (string | null)[] = []
  for (let i = 0; i < 3; i += 1) seen.push((await refresh(server, 'any')).headers.get('retry-after'))
  expect(seen).toEqual(['2', 'Tue, 14 Nov 2023 22:14:20 GMT', null])
})

test('refusals with HTTP 200 can be form-encoded', async () => {
  const { seen } = await under({ kind: 'refused-with-200', format: 'form' })
  expect(new URLSearchParams(seen.body).get('error')).toBe('bad_refresh_token')
})

test.each(['start', 'end', 'nowhere'] as const)(
  'oversized replies 10 MB of JSON with the tokens at: %s',
  async (tokens) => {
    const { seen } = await under({ kind: 'oversized', tokens })
    const body = seen.body ?? ''
    expect(body.length).toBe(10_000_000)
    const at = body.indexOf('refresh_token')
    expect(at === -1 ? 'nowhere' : at < 5_000 ? 'start' : 'end').toBe(tokens)
    JSON.parse(body)
  },
)

test('endless never ends: the tokens come first, and the client has to hang up', async () => {
  const server = await serve()
  server.faults.add({ kind: 'endless' })
  const response = await refresh(server, server.issueGrant().refresh_token)
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  let text = ''
  while (text.length < 300_000) text += Buffer.from((await reader.read()).value ?? []).toString('latin1')
  expect(text).toMatch(/^\{.*"refresh_token":"def50200/)
  await reader.cancel()
  await expect.poll(() => server.ledger.tokenRequests()[0]?.endedAtMs).not.toBeNull()
})

test('slow-bytes sends the whole reply, piece by piece', async () => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  server.faults.add({ kind: 'slow-bytes', everyMs: 1, chunkBytes: 16 })
  const response = await refresh(server, refresh_token)
  let chunks = 0
  let text = ''
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    chunks += 1
    text += Buffer.from(chunk).toString()
  }
  expect(chunks).toBeGreaterThan(20)
  expect(JSON.parse(text)).toHaveProperty('refresh_token')
})

test.each([
  ['before', false],
  ['after', true],
] as const)('hang %s: no reply until it is released; consumed is %s', async (when, consumed) => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  const hang = server.faults.add({ kind: 'hang', when })
  const pending = look(refresh(server, refresh_token))
  await expect.poll(() => hang.hits()).toBe(1)
  expect(server.isAlive(refresh_token)).toBe(!consumed)
  server.faults.release()
  expect(await pending).toEqual({ broke: 'before-reply' })
})

test.each([
  ['before', true],
  ['after', false],
] as const)('latency %s the token is consumed: alive while waiting is %s', async (when, alive) => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  const latency = server.faults.add({ kind: 'latency', ms: 60_000, when })
  const pending = refresh(server, refresh_token)
  await expect.poll(() => latency.hits()).toBe(1)
  expect(server.isAlive(refresh_token)).toBe(alive)
  server.faults.release()
  expect((await pending).status).toBe(200)
})

test('latency lasts as long as it says', async () => {
  const server = await serve()
  server.faults.add({ kind: 'latency', ms: 30 })
  const startMs = performance.now()
  await refreshed(server, server.issueGrant().refresh_token)
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(29)
})

test('a fault strikes the next n requests that match, by grant, grant type and path', async () => {
  const server = await serve()
  const [one, other] = [server.issueGrant(), server.issueGrant()]
  const family = server.familyOf(one.refresh_token) ?? ''
  const fault = server.faults.add({ kind: 'unauthorized-client', family, times: 2 })
  server.faults.add({ kind: 'status', status: 500, grantType: 'client_credentials' })
  server.faults.add({ kind: 'unauthenticated', path: 'api' })
  expect((await refresh(server, other.refresh_token)).status).toBe(200)
  const statuses = []
  for (let i = 0; i < 3; i += 1) statuses.push((await refresh(server, one.refresh_token)).status)
  expect(statuses).toEqual([403, 403, 200])
  expect(fault.hits()).toBe(2)
  const fresh = server.issueGrant()
  expect((await callApi(server, fresh.access_token)).status).toBe(401)
  expect((await callApi(server, fresh.access_token)).status).toBe(200)
})

test('an after fault waits for a request that is granted something', async () => {
  const server = await serve()
  server.faults.add({ kind: 'cut' })
  expect((await refresh(server, 'unknown')).status).toBe(401)
  await expect(refresh(server, server.issueGrant().refresh_token)).rejects.toThrow()
})

test('with a probability the same seed strikes the same requests', async () => {
  const run = async (seed: string): Promise<number[]> => {
    const server = await serve({ seed })
    server.faults.add({ kind: 'status', status: 503, probability: 0.5 })
    const statuses: number[] = []
    for (let i = 0; i < 20; i += 1) statuses.push((await refresh(server, 'any')).status)
    return statuses
  }
  const [first, again, other] = [await run('a'), await run('a'), await run('b')]
  expect(again).toEqual(first)
  expect(other).not.toEqual(first)
  expect(new Set(first)).toEqual(new Set([401, 503]))
})

test('clear and remove take faults away', async () => {
  const server = await serve()
  const removed = server.faults.add({ kind: 'cut', when: 'before', times: 9 })
  removed.remove()
  server.faults.add({ kind: 'cut', when: 'before', times: 9 })
  server.faults.clear()
  expect((await refresh(server, 'any')).status).toBe(401)
})

test.each<[unknown, RegExp]>([
  [{ kind: 'earthquake' }, /earthquake/],
  [{ kind: 'slow-bytes', everyMs: 1, when: 'before' }, /slow-bytes/],
  [{ kind: 'slow-bytes', everyMs: 1, chunkBytes: 0 }, /chunkBytes/],
  [{ kind: 'cut', at: 'in-body', when: 'before' }, /cut/],
  [{ kind: 'hang', probability: 2 }, /probability/],
])('the fault %j is refused when it is added', async (fault, name) => {
  const server = await serve()
  expect(() => server.faults.add(fault as Fault)).toThrow(name)
})

test('close ends hanging, endless, slow and late replies at once', async () => {
  const server = await serve()
  const faults: Fault[] = [
    { kind: 'hang' },
    { kind: 'endless' },
    { kind: 'slow-bytes', everyMs: 60_000 },
    { kind: 'latency', ms: 60_000 },
  ]
  const pending: Promise<Seen>[] = []
  for (const fault of faults) {
    const handle = server.faults.add(fault)
    pending.push(look(refresh(server, server.issueGrant().refresh_token)))
    await expect.poll(() => handle.hits()).toBe(1)
  }
  await server.close()
  for (const seen of await Promise.all(pending)) expect(seen).toHaveProperty('broke')
  await server.close()
})

test('a request that never completes its body is recorded as aborted and spends nothing', async () => {
  const server = await serve()
  const { refresh_token } = server.issueGrant()
  const socket = connect(Number(new URL(server.origin).port), '127.0.0.1')
  const head =
    'POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n'
  socket.write(`${head}{"refresh_token":"${refresh_token}"`)
  await expect.poll(() => server.ledger.tokenRequests()).toHaveLength(1)
  socket.destroy()
  await expect.poll(() => server.ledger.tokenRequests()).toMatchObject([{ outcome: 'aborted', status: null }])
  expect(server.isAlive(refresh_token)).toBe(true)
})
