import { inspect } from 'node:util'
import axios, { type AxiosInstance, type InternalAxiosRequestConfig } from 'axios'
import { describe, expect, it } from 'vitest'
import { attachTokens } from '../src/index.js'
import { adapters, startRecordingApi, startWorld } from './world.js'

describe('a grant that is none', () => {
  it.each([
    ['a number from the function', { grantId: () => 7 as never }, {}],
    ['an empty string from the function', { grantId: () => '' }, {}],
    ['a number in the request', {}, { evergrant: { grantId: 7 as never } }],
    ['an empty string', { grantId: '' }, {}],
  ])(
    '(%s) is a TypeError of the request that names grantId, and nothing is sent',
    async (_, options, config) => {
      const recording = await startRecordingApi()
      const { tokens } = await startWorld({ api: recording.origin })
      const api = axios.create({ baseURL: recording.origin })
      attachTokens(api, { tokens, ...options })
      const error = await api.get('/x', config).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toMatchObject({ message: expect.stringContaining('grantId') })
      expect(recording.requests).toHaveLength(0)
    },
  )

  it('whose function throws rejects with what it threw, and nothing is sent', async () => {
    const recording = await startRecordingApi()
    const { tokens } = await startWorld({ api: recording.origin })
    const api = axios.create({ baseURL: recording.origin })
    const grantId = () => {
      throw new Error('no session')
    }
    attachTokens(api, { tokens, grantId })
    await expect(api.get('/x')).rejects.toThrow('no session')
    expect(recording.requests).toHaveLength(0)
  })

  it('`evergrant` that is neither false nor an object is a TypeError that names it', async () => {
    const recording = await startRecordingApi()
    const { tokens } = await startWorld({ api: recording.origin })
    const api = axios.create({ baseURL: recording.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    for (const evergrant of ['agency', true, { grant: 'agency' }]) {
      const error = await api.get('/x', { evergrant: evergrant as never }).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toMatchObject({ message: expect.stringContaining('evergrant') })
    }
    expect(recording.requests).toHaveLength(0)
  })
})

it('a manager that was closed is CLOSED, and nothing is sent', async () => {
  const recording = await startRecordingApi()
  const { tokens } = await startWorld({ api: recording.origin })
  const api = axios.create({ baseURL: recording.origin })
  attachTokens(api, { tokens, grantId: 'agency' })
  await tokens.close()
  await expect(api.get('/x')).rejects.toMatchObject({ code: 'CLOSED' })
  expect(recording.requests).toHaveLength(0)
})

describe.each(adapters)('an answer that never ends, through the %s adapter', (adapter) => {
  it("is given up after axios' timeout, also when it is the answer to a replay", async () => {
    const recording = await startRecordingApi((_request, response, index) => {
      if (index === 0) {
        response.statusCode = 401
        response.end()
      } else response.write('{"begun":')
    })
    const { tokens } = await startWorld({ api: recording.origin })
    // Long enough for a busy machine to rotate and send the replay within it.
    const limits = { baseURL: recording.origin, adapter, timeout: 1_000 }
    const api = axios.create(limits)
    attachTokens(api, { tokens, grantId: 'agency' })
    const codeOf = (call: Promise<unknown>) => call.catch(({ code }: { code: string }) => code)
    const code = await codeOf(api.get('/x'))
    expect(recording.requests).toHaveLength(2)
    // Whatever this adapter calls a timeout in the middle of a body.
    expect(code).toBe(await codeOf(axios.create(limits).get('/x')))
  })
})

describe('a request that axios itself cannot make sense of', () => {
  it('has no absolute URL: axios says so, and no token is asked for', async () => {
    const { server, tokens } = await startWorld({ receivedAtMs: 1 })
    const api = axios.create()
    attachTokens(api, { tokens, grantId: 'agency' })
    const alone = await axios.get('/nowhere').catch(({ code }: { code: string }) => code)
    expect(await api.get('/nowhere').catch(({ code }: { code: string }) => code)).toBe(alone)
    expect(server.ledger.tokenRequests()).toHaveLength(0)
  })

  it('has a timeout that is no number: axios judges it', async () => {
    const { server, tokens } = await startWorld()
    const call = (instance: AxiosInstance) =>
      instance.get('/api/x', { timeout: 'soon' as never }).catch(({ code }: { code: string }) => code)
    const api = axios.create({ baseURL: server.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    expect(await call(api)).toBe(await call(axios.create({ baseURL: server.origin })))
  })

  it('has `null` for its adapter: it goes through that of the defaults', async () => {
    const { server, tokens } = await startWorld()
    const api = axios.create({ baseURL: server.origin, adapter: null as never })
    attachTokens(api, { tokens, grantId: 'agency' })
    expect((await api.get('/api/x')).status).toBe(200)
  })

  it('was aborted before it began: its CanceledError, and no token is asked for', async () => {
    const { server, tokens } = await startWorld({ receivedAtMs: 1 })
    const api = axios.create({ baseURL: server.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    const signal = AbortSignal.abort()
    expect(axios.isCancel(await api.get('/api/x', { signal }).catch((error: unknown) => error))).toBe(true)
    expect(server.ledger.tokenRequests()).toHaveLength(0)
  })
})

it('the time that the application takes to name the grant is not of the timeout', async () => {
  const { server, tokens } = await startWorld()
  const api = axios.create({ baseURL: server.origin, timeout: 200 })
  const grantId = () => new Promise<string>((resolve) => setTimeout(() => resolve('agency'), 300))
  attachTokens(api, { tokens, grantId })
  expect((await api.get('/api/x')).status).toBe(200)
})

it('an abort while the application names the grant gives a CanceledError, and no token is asked for', async () => {
  const { server, tokens } = await startWorld({ receivedAtMs: 1 })
  const api = axios.create({ baseURL: server.origin })
  const controller = new AbortController()
  attachTokens(api, {
    tokens,
    async grantId() {
      controller.abort()
      return 'agency'
    },
  })
  const error = await api.get('/api/x', { signal: controller.signal }).catch((reason: unknown) => reason)
  expect(axios.isCancel(error)).toBe(true)
  expect(server.ledger.tokenRequests()).toHaveLength(0)
})

it('an adapter that fails with what is no object rejects with just that', async () => {
  const { tokens, server } = await startWorld()
  const api = axios.create({ baseURL: server.origin, adapter: () => Promise.reject('just text') })
  attachTokens(api, { tokens, grantId: 'agency' })
  await expect(api.get('/api/x')).rejects.toBe('just text')
})

it('an adapter whose answer has no request keeps it so', async () => {
  const { tokens, server } = await startWorld()
  const api = axios.create({
    baseURL: server.origin,
    adapter: (config) =>
      Promise.resolve({ status: 200, statusText: '', headers: {}, data: 'mine', config: { ...config } }),
  })
  attachTokens(api, { tokens, grantId: 'agency' })
  const response = await api.get('/api/x')
  expect(response.data).toBe('mine')
  expect(response).not.toHaveProperty('request')
})

it("an adapter whose answer has the application's own config gives away no request either", async () => {
  const { tokens, server, accessTokens } = await startWorld()
  let own: InternalAxiosRequestConfig | undefined
  const api = axios.create({
    baseURL: server.origin,
    adapter: (sent) =>
      Promise.resolve({
        status: 200,
        statusText: '',
        headers: {},
        data: 'mine',
        config: own ?? sent,
        request: { method: 'GET', headers: sent.headers },
      }),
  })
  api.interceptors.request.use((config) => {
    own = config
    return config
  })
  attachTokens(api, { tokens, grantId: 'agency' })
  const response = await api.get('/api/x')
  expect(response.config).toBe(own)
  expect(response.request).toMatchObject({ method: 'GET', path: '/api/x' })
  expect(inspect(response, { depth: 9 })).not.toContain(accessTokens()[0])
})
