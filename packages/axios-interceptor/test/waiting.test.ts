import { isEvergrantError } from '@evergrant/core'
import axios, { AxiosError, type AxiosRequestConfig } from 'axios'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { attachTokens } from '../src/index.js'
import { adapters, longAgo, startWorld, type WorldOptions } from './world.js'

/** An expired token, and a token endpoint that waits at the gate: every call waits. */
async function waiting(config: AxiosRequestConfig, options: WorldOptions = {}) {
  const world = await startWorld({ receivedAtMs: longAgo(), ...options })
  const api = axios.create({ baseURL: world.server.origin })
  attachTokens(api, { tokens: world.tokens, grantId: 'agency' })
  const gate = world.server.gate()
  const outcome = api.get('/api/x', config).catch((error: unknown) => error)
  await gate.arrived()
  const open = async () => {
    gate.open()
    expect((await api.get('/api/x')).status).toBe(200)
    expect(world.server.ledger.tokenRequests()).toHaveLength(1)
  }
  return { ...world, api, outcome, open }
}

describe('while a token is waited for', () => {
  it('an abort gives a CanceledError and does not end the rotation', async () => {
    const controller = new AbortController()
    const { outcome, open, server } = await waiting({ signal: controller.signal })
    controller.abort()
    const error = await outcome
    expect(axios.isCancel(error)).toBe(true)
    expect(error).toMatchObject({ code: 'ERR_CANCELED' })
    expect(server.ledger.apiRequests()).toHaveLength(0)
    await open()
  })

  it('a cancelled CancelToken gives its CanceledError', async () => {
    const source = axios.CancelToken.source()
    const { outcome, open } = await waiting({ cancelToken: source.token })
    source.cancel('enough')
    expect(await outcome).toMatchObject({ message: 'enough', __CANCEL__: true })
    await open()
  })

  it("the request's timeout gives axios' own timeout error, caused by our TIMEOUT", async () => {
    const { outcome, open, server } = await waiting({ timeout: 30 })
    const error = (await outcome) as AxiosError
    expect(error).toBeInstanceOf(AxiosError)
    expect(error).toMatchObject({
      code: 'ECONNABORTED',
      message: 'timeout of 30ms exceeded',
      config: { url: '/api/x' },
    })
    expect(isEvergrantError(error.cause, 'TIMEOUT')).toBe(true)
    expect(server.ledger.apiRequests()).toHaveLength(0)
    await open()
  })

  it('a timeout is ETIMEDOUT with clarifyTimeoutError and says timeoutErrorMessage', async () => {
    const { outcome, open } = await waiting({
      timeout: 30,
      timeoutErrorMessage: 'too slow',
      transitional: { clarifyTimeoutError: true },
    })
    expect(await outcome).toMatchObject({ code: 'ETIMEDOUT', message: 'too slow' })
    await open()
  })

  it("without a timeout the manager's own is TIMEOUT", async () => {
    const { outcome, open } = await waiting({}, { timeoutMs: 500 })
    expect(isEvergrantError(await outcome, 'TIMEOUT')).toBe(true)
    await open()
  })

  it('a call without limits gets its answer when the rotation is over', async () => {
    const { outcome, open } = await waiting({})
    await open()
    expect(await outcome).toMatchObject({ status: 200 })
  })
})

describe('after a 401', () => {
  it('an abort while the next token is waited for gives a CanceledError', async () => {
    const { server, tokens, revokeToken } = await startWorld()
    const api = axios.create({ baseURL: server.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    await revokeToken()
    const gate = server.gate()
    const controller = new AbortController()
    const outcome = api.get('/api/x', { signal: controller.signal }).catch((error: unknown) => error)
    await gate.arrived()
    controller.abort()
    expect(axios.isCancel(await outcome)).toBe(true)
    gate.open()
    expect((await api.get('/api/x')).status).toBe(200)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('the timeout counts from the beginning of the call', async () => {
    const { server, tokens, revokeToken } = await startWorld()
    const api = axios.create({ baseURL: server.origin, timeout: 300 })
    attachTokens(api, { tokens, grantId: 'agency' })
    await revokeToken()
    server.faults.add({ kind: 'latency', ms: 200, path: 'api', times: 2 })
    await expect(api.get('/api/x')).rejects.toMatchObject({
      code: 'ECONNABORTED',
      message: 'timeout of 300ms exceeded',
    })
  })

  it('that comes too late, through an adapter that knows no timeout, no other token is asked for', async () => {
    const { server, tokens } = await startWorld()
    const now = performance.now.bind(performance)
    let laterMs = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now() + laterMs)
    onTestFinished(() => void vi.restoreAllMocks())
    let calls = 0
    const api = axios.create({
      baseURL: server.origin,
      timeout: 10_000,
      adapter: (config) => {
        calls += 1
        laterMs = 10_001
        return Promise.resolve({ status: 401, statusText: '', headers: {}, data: '', config })
      },
    })
    attachTokens(api, { tokens, grantId: 'agency' })
    await expect(api.get('/api/x')).rejects.toMatchObject({
      code: 'ECONNABORTED',
      message: 'timeout of 10000ms exceeded',
    })
    expect(calls).toBe(1)
    expect(server.ledger.tokenRequests()).toHaveLength(0)
  })
})

describe.each(adapters)('the %s adapter', (adapter) => {
  it('still has its own abort and timeout', async () => {
    const { server, tokens } = await startWorld()
    const api = axios.create({ baseURL: server.origin, adapter })
    attachTokens(api, { tokens, grantId: 'agency' })
    const gate = server.gate({ path: 'api' })
    const controller = new AbortController()
    const aborted = api.get('/api/x', { signal: controller.signal }).catch((error: unknown) => error)
    await gate.arrived()
    controller.abort()
    expect(axios.isCancel(await aborted)).toBe(true)
    const late = await api.get('/api/x', { timeout: 30 }).catch((error) => error)
    expect(['ECONNABORTED', 'ETIMEDOUT']).toContain(late.code)
    gate.open()
  })
})

it('leaves no listener on a signal that serves many calls', async () => {
  const { server, tokens } = await startWorld()
  const api = axios.create({ baseURL: server.origin })
  attachTokens(api, { tokens, grantId: 'agency' })
  const { signal } = new AbortController()
  let listening = 0
  const counted = new Proxy(signal, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (name === 'addEventListener') listening += 1
      if (name === 'removeEventListener') listening -= 1
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  await api.get('/api/x', { signal: counted })
  await api.get('/api/x', { signal: counted })
  // Each function is looked up and called as often as it is looked up to ask whether it is there.
  expect(listening).toBe(0)
})
