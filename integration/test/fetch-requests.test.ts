/** fetchWithTokens: every way to name a request, its body and its redirects, against a server that keeps all it got. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import {
  createTokenManager,
  type FetchWithTokensOptions,
  fetchWithTokens,
  memoryStore,
  type ProviderFacts,
  passolution,
  type TokenManager,
  type TokenStore,
} from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

interface Got {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void

let server: AuthorizationServer
let tokens: TokenManager
let store: TokenStore
const closings: (() => Promise<unknown>)[] = []

const refuseFirst: Answer = (_request, response, count) => {
  response.statusCode = count === 1 ? 401 : 200
  response.end('{}')
}

/** `early`: answers before the body is read, which is then not kept. */
async function startApi(answer: Answer = refuseFirst, { early = false } = {}) {
  const got: Got[] = []
  let arrived = 0
  const http = createServer((request, response) => {
    arrived += 1
    if (early) return answer(request, response, arrived)
    const { method = '', headers } = request
    const take = (body: Buffer): void => answer(request, response, got.push({ method, headers, body }))
    buffer(request).then(take, () => response.destroy())
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  closings.push(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  return { origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, got }
}

const providerOf = (api: string): ProviderFacts => {
  const { origin, clientId, clientSecret } = server
  return passolution({ clientId, clientSecret, authorizationServer: origin, api })
}

async function clientOf(api: string, options: Partial<FetchWithTokensOptions> = {}): Promise<typeof fetch> {
  store = memoryStore()
  tokens = createTokenManager({ provider: providerOf(api), store })
  closings.push(() => tokens.close())
  await tokens.saveGrant('agency', server.issueGrant())
  return fetchWithTokens({ tokens, grantId: 'agency', ...options })
}

beforeEach(async () => {
  server = await startAuthorizationServer({ preset: 'passolution' })
  closings.push(() => server.close())
})

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close()
})

const form = (): FormData => {
  const data = new FormData()
  data.append('name', 'Ada')
  data.append('file', new Blob([new Uint8Array([0, 255, 10])]), 'a.bin')
  return data
}

/** A boundary is drawn for each sending of a FormData. */
function alike({ method, headers, body }: Got): unknown {
  const { authorization: _, host: __, connection: ___, ...rest } = headers
  const boundary = /boundary=(\S+)/.exec(rest['content-type'] ?? '')?.[1]
  const text = JSON.stringify({ method, rest, body: body.toString('latin1') })
  return boundary ? text.replaceAll(boundary, 'boundary') : text
}

describe('a request is what it was at the call, whatever becomes of the objects it was made of:', () => {
  const elsewhere = 'http://127.0.0.1:9/steal'

  it('a URL that changes while the token is waited for, and before the replay', async () => {
    const api = await startApi()
    const get = await clientOf(api.origin)
    const url = new URL(`${api.origin}/a`)
    const answer = get(url)
    url.href = elsewhere
    expect((await answer).status).toBe(200)
    expect(api.got).toHaveLength(2)
  })

  it('one URL object for several requests', async () => {
    const urls: (string | undefined)[] = []
    const api = await startApi((request, response) => {
      urls.push(request.url)
      response.end('{}')
    })
    const get = await clientOf(api.origin)
    const url = new URL(api.origin)
    await Promise.all(
      ['1', '2', '3'].map((page) => {
        url.searchParams.set('page', page)
        return get(url)
      }),
    )
    expect(new Set(urls)).toEqual(new Set(['/?page=1', '/?page=2', '/?page=3']))
  })

  it('an object that names another place each time it is asked', async () => {
    const api = await startApi()
    const get = await clientOf(api.origin)
    let asked = 0
    const url = { toString: () => (asked++ === 0 ? api.origin : elsewhere) }
    expect((await get(url as unknown as URL)).status).toBe(200)
    expect(api.got).toHaveLength(2)
  })

  it.each<[string, (init: RequestInit, body: RequestInit['body']) => void, () => RequestInit['body']]>([
    ['a body put in its place', (init) => void Object.assign(init, { body: 'other' }), () => 'first'],
    [
      'bytes written over',
      (_, body) => void (body as Uint8Array).fill(0),
      () => new Uint8Array([102, 105, 114]),
    ],
    [
      'a buffer written over',
      (_, body) => void new Uint8Array(body as ArrayBuffer).fill(0),
      () => new Uint8Array([1, 2]).buffer,
    ],
    [
      'URLSearchParams',
      (_, body) => (body as URLSearchParams).set('a', '2'),
      () => new URLSearchParams({ a: '1' }),
    ],
    ['a FormData', (_, body) => (body as FormData).set('name', 'Bob'), form],
  ])('%s', async (_, change, make) => {
    const api = await startApi()
    const get = await clientOf(api.origin)
    const untouched = await startApi((_request, response) => response.end('{}'))
    await fetch(untouched.origin, { method: 'POST', body: make() as BodyInit })
    const init: RequestInit = { method: 'POST', body: make() as BodyInit }
    const answer = get(api.origin, init)
    change(init, init.body)
    expect((await answer).status).toBe(200)
    expect(api.got.map(alike)).toEqual([alike(untouched.got[0]!), alike(untouched.got[0]!)])
  })

  const inits: [string, (url: string) => RequestInit][] = [
    ['another Request', (url) => new Request(url, { method: 'DELETE', headers: { 'x-a': 'b' } })],
    [
      'an object with a prototype',
      () => Object.create({ method: 'DELETE', headers: { 'x-a': 'b' } }) as RequestInit,
    ],
    [
      'an object of a class',
      () =>
        new (class {
          get method(): string {
            return 'DELETE'
          }
          readonly headers = { 'x-a': 'b' }
        })(),
    ],
  ]
  it.each(inits)('an init that is %s counts with all that it inherits', async (_, init) => {
    const api = await startApi()
    const get = await clientOf(api.origin)
    expect((await get(api.origin, init(api.origin))).status).toBe(200)
    expect(api.got.map(({ method, headers }) => [method, headers['x-a']])).toEqual([
      ['DELETE', 'b'],
      ['DELETE', 'b'],
    ])
    const aborted = new Request(api.origin, { signal: AbortSignal.abort() })
    await expect(get(api.origin, aborted)).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('the body of a Request belongs to the request from then on', async () => {
    const api = await startApi()
    const get = await clientOf(api.origin)
    const request = new Request(api.origin, { method: 'POST', body: 'kept' })
    const answer = get(request)
    expect(request.bodyUsed).toBe(true)
    expect((await answer).status).toBe(200)
    expect(api.got.map(({ body }) => body.toString())).toEqual(['kept', 'kept'])
  })

  it('a Request for which there is no token lets go of its body', async () => {
    const api = await startApi()
    await clientOf(api.origin)
    let isCancelled = false
    const body = new ReadableStream({
      cancel() {
        isCancelled = true
      },
    })
    const request = new Request(api.origin, { method: 'POST', body, duplex: 'half' } as RequestInit)
    const get = fetchWithTokens({ tokens, grantId: 'nobody' })
    await expect(get(request)).rejects.toMatchObject({ code: 'GRANT_NOT_FOUND' })
    expect(isCancelled).toBe(true)
  })

  it('a signal of its own ends every request, also those that pass through', async () => {
    const api = await startApi()
    const leaving = new AbortController()
    const get = await clientOf(api.origin, { signal: leaving.signal })
    expect((await get(api.origin)).status).toBe(200)
    leaving.abort()
    await expect(get(api.origin)).rejects.toMatchObject({ name: 'AbortError' })
    const headers = { authorization: 'mine' }
    await expect(get(api.origin, { headers })).rejects.toMatchObject({ name: 'AbortError' })
    expect(() => fetchWithTokens({ tokens, grantId: 'agency', signal: {} as AbortSignal })).toThrow(
      "option 'signal'",
    )
  })

  it('the body of a Request counts where the init has null for one', async () => {
    const api = await startApi()
    const get = await clientOf(api.origin)
    const request = new Request(api.origin, { method: 'POST', body: 'kept' })
    expect((await get(request, { body: null })).status).toBe(200)
    expect(api.got.map(({ body }) => body.toString())).toEqual(['kept', 'kept'])
  })
})

describe('a refused request is replayed as it was:', () => {
  const bodies: [string, () => BodyInit][] = [
    ['text', () => 'Grüße'],
    ['an empty text', () => ''],
    ['URLSearchParams', () => new URLSearchParams({ a: 'ä b' })],
    ['a FormData', form],
    ['a Blob', () => new Blob(['ä'], { type: 'text/x-mine' })],
    ['an ArrayBuffer', () => new Uint8Array([0, 255, 1]).buffer],
    ['a view of bytes', () => new Uint8Array([7, 0, 255]).subarray(1)],
  ]
  const ways: [string, (url: string, init: RequestInit) => Parameters<typeof fetch>][] = [
    ['a URL in text', (url, init) => [url, init]],
    ['a URL', (url, init) => [new URL(url), init]],
    ['a Request', (url, init) => [new Request(url, init)]],
    [
      'a Request whose body the init replaces',
      (url, init) => [new Request(url, { method: 'PUT', body: 'not this' }), init],
    ],
  ]
  it.each(ways.flatMap((way) => bodies.map((body) => [...body, ...way] as const)))(
    '%s in %s',
    async (...given) => {
      const [, body, , way] = given
      const api = await startApi()
      const send = await clientOf(api.origin)
      const response = await send(
        ...way(`${api.origin}/x?y=1`, { method: 'POST', body: body(), headers: [['x-mine', 'yes']] }),
      )
      expect(response.status).toBe(200)
      const [first, second] = api.got as [Got, Got]
      expect(alike(second)).toEqual(alike(first))
      expect(first.headers['x-mine']).toBe('yes')
      expect(second.headers.authorization).toMatch(/^Bearer /)
      expect(second.headers.authorization).not.toBe(first.headers.authorization)
      expect(server.ledger.tokenRequests()).toHaveLength(1)
    },
  )
})

describe('the body of a Request that is a stream', () => {
  it('is kept for the replay', async () => {
    const api = await startApi()
    const send = await clientOf(api.origin)
    const body = new Blob(['part one, ', 'part two']).stream()
    const request = new Request(`${api.origin}/x`, { method: 'POST', body, duplex: 'half' } as RequestInit)
    expect((await send(request)).status).toBe(200)
    expect(api.got.map((each) => each.body.toString())).toEqual(['part one, part two', 'part one, part two'])
  })

  it('does not hold back an answer that comes before it has ended', async () => {
    const api = await startApi((_request, response) => response.end('early'), { early: true })
    const send = await clientOf(api.origin)
    let pulls = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls += 1
        // After the first piece it never goes on, and never ends.
        if (pulls === 1) controller.enqueue(new TextEncoder().encode('begun'))
        else return new Promise(() => {})
      },
    })
    const request = new Request(`${api.origin}/x`, { method: 'POST', body, duplex: 'half' } as RequestInit)
    const response = await send(request)
    expect(await response.text()).toBe('early')
  })
})

describe('a redirect', () => {
  it('to another origin goes without the token', async () => {
    const other = await startApi((_request, response) => response.end('elsewhere'))
    const api = await startApi((_request, response) => {
      response.writeHead(307, { location: `${other.origin}/there` }).end()
    })
    const send = await clientOf(api.origin)
    expect(await (await send(`${api.origin}/x`)).text()).toBe('elsewhere')
    expect(api.got[0]?.headers.authorization).toMatch(/^Bearer /)
    expect(other.got[0]?.headers).not.toHaveProperty('authorization')
  })

  it('within the origin keeps the token, and a 401 there is replayed from the beginning', async () => {
    const api = await startApi((request, response, count) => {
      if (request.url === '/x') response.writeHead(302, { location: '/y' }).end()
      else response.writeHead(count === 2 ? 401 : 200).end()
    })
    const send = await clientOf(api.origin)
    expect((await send(`${api.origin}/x`)).status).toBe(200)
    const [, second, , fourth] = api.got
    expect(second?.headers.authorization).toMatch(/^Bearer /)
    expect(fourth?.headers.authorization).not.toBe(second?.headers.authorization)
  })

  it('stands where it is wanted by hand, and fails where none is allowed', async () => {
    const api = await startApi((_request, response) => response.writeHead(302, { location: '/y' }).end())
    const send = await clientOf(api.origin)
    expect((await send(`${api.origin}/x`, { redirect: 'manual' })).status).toBe(302)
    await expect(send(`${api.origin}/x`, { redirect: 'error' })).rejects.toThrow(TypeError)
    expect(api.got).toHaveLength(2)
  })
})

it('what else is in the init or the Request reaches fetch, both times', async () => {
  const api = await startApi()
  const inits: RequestInit[] = []
  const send = await clientOf(api.origin, {
    fetch(input, init) {
      inits.push(init ?? {})
      return fetch(input, init)
    },
  })
  const init: RequestInit = { keepalive: true, cache: 'no-store', referrer: 'about:client' }
  expect((await send(`${api.origin}/x`, init)).status).toBe(200)
  for (const each of inits) expect(each).toMatchObject(init)
  expect(inits).toHaveLength(2)
  // What was passed in is as it was.
  expect(init).toEqual({ keepalive: true, cache: 'no-store', referrer: 'about:client' })
})

describe('a signal', () => {
  const held: Answer = () => {}

  it.each<[string, (url: string, signal: AbortSignal) => Parameters<typeof fetch>]>([
    ['of the init', (url, signal) => [url, { signal }]],
    ['of a Request', (url, signal) => [new Request(url, { signal })]],
  ])('%s ends a request whose answer never comes', async (_, way) => {
    const api = await startApi(held)
    const send = await clientOf(api.origin)
    const abort = new AbortController()
    const call = send(...way(`${api.origin}/x`, abort.signal))
    await expect.poll(() => api.got.length).toBe(1)
    abort.abort()
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('ends an answer that never ends', async () => {
    const api = await startApi((_request, response) => void response.write('begun'))
    const send = await clientOf(api.origin)
    const abort = new AbortController()
    const response = await send(`${api.origin}/x`, { signal: abort.signal })
    const text = response.text()
    abort.abort()
    await expect(text).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe('bad input', () => {
  it.each<[string, object]>([
    ['tokens', { tokens: {} }],
    ['grantId', { grantId: 7 }],
    ['timeoutMs', { timeoutMs: -1 }],
    ['fetch', { fetch: 'node-fetch' }],
  ])('of %s is a TypeError that names it', async (name, options) => {
    await clientOf('http://127.0.0.1')
    const make = () => fetchWithTokens({ tokens, grantId: 'agency', ...options } as never)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(`'${name}'`)
  })

  it.each([7, '', undefined])(
    'a function that names the grant %j is a TypeError; nothing is sent',
    async (wrong) => {
      const api = await startApi()
      const send = await clientOf(api.origin, { grantId: () => wrong as never })
      await expect(send(api.origin)).rejects.toThrow("'grantId'")
      expect(api.got).toHaveLength(0)
    },
  )

  it('a grant that is not there, and a manager that was closed, are told by their codes; nothing is sent', async () => {
    const api = await startApi()
    const send = await clientOf(api.origin, { grantId: ({ url }) => url.pathname.slice(1) })
    await expect(send(`${api.origin}/nobody`)).rejects.toMatchObject({ code: 'GRANT_NOT_FOUND' })
    await tokens.close()
    await expect(send(`${api.origin}/agency`)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(api.got).toHaveLength(0)
  })

  it('a stored token that no header can carry is told without a word of it', async () => {
    const api = await startApi()
    await clientOf(api.origin)
    // As only somebody else can have written it: what is saved and what a server sends is checked before.
    const { record } = await store.load({ provider: 'passolution', grantId: 'agency' })
    const { access_token } = JSON.parse(record?.secret ?? '') as { access_token: string }
    const to = record?.secret.replace(access_token, 'wrong\\ntoken-canary') ?? ''
    if (record) await store.replaceSecret({ ...record, from: record.secret, to })
    const other = createTokenManager({ provider: providerOf(api.origin), store })
    closings.push(() => other.close())
    const send = fetchWithTokens({ tokens: other, grantId: 'agency' })
    const error = (await send(api.origin).catch((reason: unknown) => reason)) as Error
    expect(error).toMatchObject({
      code: 'INVALID_REPLY',
      reason: 'unusable_access_token',
      provider: 'passolution',
      grantId: 'agency',
    })
    expect(`${error.stack}${JSON.stringify(error)}`).not.toContain('canary')
    expect(api.got).toHaveLength(0)
  })
})
