import { createRequire } from 'node:module'
import type { TokenManager } from '@evergrant/core'
import axios, { type AxiosRequestConfig, type InternalAxiosRequestConfig } from 'axios'
import { describe, expect, it } from 'vitest'
import { attachTokens } from '../src/index.js'
import { adapters, managerForAnyOrigin, startRecordingApi, startWorld } from './world.js'

const ok = 200

describe.each(adapters)('a request through the %s adapter', (adapter) => {
  it('carries the token of the grant', async () => {
    const { server, tokens } = await startWorld()
    const api = axios.create({ baseURL: server.origin, adapter })
    attachTokens(api, { tokens, grantId: 'agency' })
    const { data, status } = await api.get('/api/countries', { params: { lang: 'de' } })
    expect({ status, path: data.path, query: data.query }).toEqual({
      status: ok,
      path: '/api/countries',
      query: { lang: 'de' },
    })
    expect(server.ledger.tokenRequests()).toHaveLength(0)
  })

  it('keeps the own adapter, the transforms and the config of a request that carries no token', async () => {
    const api = await startRecordingApi((_, response) => response.end('{"plain":true}'))
    const { tokens } = await startWorld()
    const instance = axios.create({ baseURL: api.origin, adapter })
    attachTokens(instance, { tokens, grantId: 'agency' })
    const { data, config } = await instance.post('/anything', { a: 1 })
    expect(data).toEqual({ plain: true })
    expect(config).toMatchObject({ adapter, baseURL: api.origin, url: '/anything', data: '{"a":1}' })
    expect(api.requests[0]?.headers.authorization).toBeUndefined()
  })
})

it('an adapter function gets the token; what it hands back is sealed', async () => {
  const { server, tokens, accessTokens } = await startWorld()
  const api = axios.create({ baseURL: server.origin })
  attachTokens(api, { tokens, grantId: 'agency' })
  let seen: unknown
  const response = await api.get('/api/x', {
    async adapter(config) {
      seen = config.headers.get('Authorization')
      const { url, baseURL } = config
      return {
        status: 200,
        statusText: 'OK',
        data: { url, baseURL },
        headers: {},
        config,
        request: { config },
      }
    },
  })
  expect(seen).toBe(`Bearer ${accessTokens()[0]}`)
  expect(response.data).toEqual({ url: '/api/x', baseURL: server.origin })
  expect(JSON.stringify(response)).not.toContain(accessTokens()[0])
})

it('an adapter function gets no token for a URL that it could understand in another way than axios', async () => {
  const { server, tokens } = await startWorld()
  const api = axios.create({ baseURL: `${server.origin}/v1` })
  attachTokens(api, { tokens, grantId: 'agency' })
  async function hasToken(url: string, options: AxiosRequestConfig = {}): Promise<boolean> {
    let seen = false
    await api.get(url, {
      ...options,
      async adapter(config) {
        seen = config.headers.has('Authorization')
        return { status: 200, statusText: 'OK', data: '', headers: {}, config }
      },
    })
    return seen
  }
  expect(await hasToken('/a')).toBe(true)
  expect(await hasToken('a')).toBe(true)
  expect(await hasToken('')).toBe(true)
  expect(await hasToken('places:search')).toBe(true)
  expect(await hasToken(`${server.origin}/a`)).toBe(true)
  expect(await hasToken('/\\evil.example/a')).toBe(false)
  expect(await hasToken('//evil.example/a', { allowAbsoluteUrls: false })).toBe(false)
  expect(await hasToken('http://evil.example/a', { allowAbsoluteUrls: false })).toBe(false)
})

it('a URL given as an object goes where it points at the time', async () => {
  const { server, tokens } = await startWorld()
  const api = axios.create()
  attachTokens(api, { tokens, grantId: 'agency' })
  const url = new URL('/api/one', server.origin)
  const get = async () => (await api.get<{ path: string }>(url as unknown as string)).data.path
  expect(await get()).toBe('/api/one')
  url.pathname = '/api/two'
  expect(await get()).toBe('/api/two')
})

describe('the grant of a request', () => {
  async function world() {
    const { server, tokens } = await startWorld()
    await tokens.saveGrant('other', server.issueGrant({ sub: 'user-2' }))
    return { server, tokens, api: axios.create({ baseURL: server.origin }) }
  }
  const subOf = async (call: Promise<{ data: { sub: string } }>) => (await call).data.sub

  it('is the fixed one', async () => {
    const { tokens, api } = await world()
    attachTokens(api, { tokens, grantId: 'other' })
    expect(await subOf(api.get('/api/x'))).toBe('user-2')
  })

  it('is the one its own config names, over the one of the options', async () => {
    const { tokens, api } = await world()
    attachTokens(api, { tokens, grantId: 'agency' })
    expect(await subOf(api.get('/api/x', { evergrant: { grantId: 'other' } }))).toBe('user-2')
    expect(await subOf(api.get('/api/x'))).toBe('user-1')
  })

  it('is the one a function finds in the config, at once or later', async () => {
    const { tokens, api } = await world()
    const grantId = (config: InternalAxiosRequestConfig) => String(config.headers.get('x-account'))
    const detach = attachTokens(api, { tokens, grantId })
    expect(await subOf(api.get('/api/x', { headers: { 'x-account': 'other' } }))).toBe('user-2')
    detach()
    attachTokens(api, { tokens, grantId: async (config) => grantId(config) })
    expect(await subOf(api.get('/api/x', { headers: { 'x-account': 'other' } }))).toBe('user-2')
  })

  it('is the one of a function that reads what a later interceptor changed', async () => {
    const { tokens, api } = await world()
    api.interceptors.request.use((config) => {
      config.headers.set('x-account', 'other')
      return config
    })
    attachTokens(api, { tokens, grantId: ({ headers }) => headers.get('x-account') as string })
    expect(await subOf(api.get('/api/x'))).toBe('user-2')
  })
})

describe('a request is left alone', () => {
  const refused = { response: { status: 401 } }

  it.each([
    ['when its config says false', { evergrant: false }],
    ['when the application set Authorization', { headers: { authorization: 'Bearer own' } }],
    ['when the application set auth', { auth: { username: 'u', password: 'p' } }],
  ] as const)('%s: its 401 stands without a rotation', async (_, config) => {
    const { server, tokens } = await startWorld()
    const api = axios.create({ baseURL: server.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    await expect(api.get('/api/x', config)).rejects.toMatchObject(refused)
    expect(server.ledger.tokenRequests()).toHaveLength(0)
    expect(server.ledger.apiRequests()).toHaveLength(1)
  })

  it('when no grant is named anywhere', async () => {
    const { server, tokens } = await startWorld()
    const api = axios.create({ baseURL: server.origin })
    const detach = attachTokens(api, { tokens })
    await expect(api.get('/api/x')).rejects.toMatchObject(refused)
    detach()
    attachTokens(api, { tokens, grantId: () => undefined })
    await expect(api.get('/api/x')).rejects.toMatchObject(refused)
  })

  it('when its URL is not of an origin the provider declares', async () => {
    const { tokens } = await startWorld()
    const elsewhere = await startRecordingApi((_, response) => response.end())
    const api = axios.create()
    attachTokens(api, { tokens, grantId: 'agency' })
    await api.get(`${elsewhere.origin}/x`)
    expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined()
  })
})

describe('a provider that declares no origins', () => {
  it("sends tokens to the origin of the instance's baseURL only", async () => {
    const { server } = await startWorld()
    const elsewhere = await startRecordingApi((_, response) => response.end())
    const api = axios.create({ baseURL: server.origin })
    attachTokens(api, { tokens: await managerForAnyOrigin(server), grantId: 'agency' })
    expect((await api.get('/api/x')).status).toBe(ok)
    await api.get(`${elsewhere.origin}/x`)
    await api.get('/x', { baseURL: elsewhere.origin })
    expect(elsewhere.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
  })

  it('sends them nowhere when the baseURL is no origin', async () => {
    const recording = await startRecordingApi()
    const { server } = await startWorld()
    const api = axios.create({ baseURL: '/api', validateStatus: null })
    attachTokens(api, { tokens: await managerForAnyOrigin(server), grantId: 'agency' })
    await api.get(`${recording.origin}/x`)
    expect(recording.requests.map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  it('sends them wherever the application sends requests when there is no baseURL', async () => {
    const { server } = await startWorld()
    const api = axios.create()
    attachTokens(api, { tokens: await managerForAnyOrigin(server), grantId: 'agency' })
    expect((await api.get(server.apiUrl)).status).toBe(ok)
  })
})

describe('interceptors of the application', () => {
  it('keep their order, run once per request also when it is replayed, and see no token', async () => {
    const { server, tokens, accessTokens, revokeToken } = await startWorld()
    const api = axios.create({ baseURL: server.origin })
    const order: string[] = []
    const note = (name: string) => (config: InternalAxiosRequestConfig) => {
      order.push(name)
      expect(JSON.stringify(config.headers)).not.toContain(accessTokens()[0])
      return config
    }
    api.interceptors.request.use(note('request registered before'))
    attachTokens(api, { tokens, grantId: 'agency' })
    api.interceptors.request.use(note('request registered after'))
    api.interceptors.response.use((response) => {
      order.push('response')
      return response
    })
    await revokeToken()
    expect((await api.get('/api/x')).status).toBe(ok)
    expect(order).toEqual(['request registered after', 'request registered before', 'response'])
    expect(server.ledger.apiRequests()).toHaveLength(2)
  })

  it('stay synchronous when they are', async () => {
    const { server, tokens } = await startWorld()
    const api = axios.create({ baseURL: server.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    let ran = false
    api.interceptors.request.use(
      (config) => {
        ran = true
        return config
      },
      undefined,
      { synchronous: true },
    )
    const call = api.get('/api/x')
    expect(ran).toBe(true)
    expect((await call).status).toBe(ok)
  })

  it('that send a failed config once more get a token and a replay of their own', async () => {
    const { server, tokens, revokeToken } = await startWorld()
    const api = axios.create({ baseURL: server.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    api.interceptors.response.use(undefined, async (error) => {
      if (error.response?.status !== 500) throw error
      await revokeToken()
      return api.request(error.config)
    })
    server.faults.add({ kind: 'status', status: 500, path: 'api' })
    const { data, config } = await api.post('/api/x', { a: 1 })
    expect(data.bodyText).toBe('{"a":1}')
    expect(config.headers.has('Authorization')).toBe(false)
    expect(server.ledger.apiRequests().map(({ status }) => status)).toEqual([500, 401, 200])
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })
})

describe('attaching', () => {
  it('twice by mistake changes nothing', async () => {
    const { server, tokens, revokeToken } = await startWorld()
    const api = axios.create({ baseURL: server.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    attachTokens(api, { tokens, grantId: 'agency' })
    await revokeToken()
    expect((await api.get('/api/x')).status).toBe(ok)
    expect(server.ledger.apiRequests()).toHaveLength(2)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('two managers to one instance gives each API its own token', async () => {
    const [one, two] = [await startWorld(), await startWorld()]
    const api = axios.create()
    attachTokens(api, { tokens: one.tokens, grantId: 'agency' })
    attachTokens(api, { tokens: two.tokens, grantId: 'agency' })
    await one.revokeToken()
    await two.revokeToken()
    expect((await api.get(one.server.apiUrl)).status).toBe(ok)
    expect((await api.get(two.server.apiUrl)).status).toBe(ok)
    expect([one, two].map(({ server }) => server.ledger.tokenRequests().length)).toEqual([1, 1])
  })

  it('one manager to two instances shares the rotation', async () => {
    const { server, tokens, revokeToken } = await startWorld()
    const instances = [1, 2].map(() => axios.create({ baseURL: server.origin }))
    for (const api of instances) attachTokens(api, { tokens, grantId: 'agency' })
    await revokeToken()
    const statuses = await Promise.all(instances.map(async (api) => (await api.get('/api/x')).status))
    expect(statuses).toEqual([ok, ok])
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('works on the CommonJS copy of axios and with its error classes', async () => {
    const { server, tokens } = await startWorld()
    const commonjs = createRequire(import.meta.url)('axios')
    const api = commonjs.create({ baseURL: server.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    expect((await api.get('/api/x')).status).toBe(ok)
    const gate = server.gate({ path: 'api' })
    const error = await api.get('/api/x', { timeout: 20 }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(commonjs.AxiosError)
    expect(error).not.toBeInstanceOf(axios.AxiosError)
    gate.open()
  })

  it.each([
    ['instance', { interceptors: {} }, { tokens: { reportRejected() {} } }],
    ['tokens', axios.create(), {}],
    ['grantId', axios.create(), { tokens: { reportRejected() {} }, grantId: 7 }],
  ])('throws a TypeError that names %s when it is wrong', (name, instance, options) => {
    expect(() => attachTokens(instance as never, options as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining(`'${name}'`) }),
    )
  })
})

describe('detaching', () => {
  it('leaves later requests alone and lets those under way end as they began', async () => {
    const { server, tokens, revokeToken } = await startWorld()
    const api = axios.create({ baseURL: server.origin })
    const detach = attachTokens(api, { tokens, grantId: 'agency' })
    await revokeToken()
    const gate = server.gate({ path: 'api' })
    const underWay = api.get('/api/x')
    await gate.arrived()
    detach()
    detach()
    gate.open()
    expect((await underWay).status).toBe(ok)
    await expect(api.get('/api/x')).rejects.toMatchObject({ response: { status: 401 } })
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it("does not take away the application's interceptors", async () => {
    const { server, tokens } = await startWorld()
    const api = axios.create({ baseURL: server.origin })
    const detach = attachTokens(api, { tokens: tokens as TokenManager, grantId: 'agency' })
    let ran = 0
    api.interceptors.request.use((config) => {
      ran += 1
      return config
    })
    detach()
    detach()
    await expect(api.get('/api/x')).rejects.toThrow('401')
    expect(ran).toBe(1)
  })
})
