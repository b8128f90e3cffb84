import { once } from 'node:events'
import { Agent } from 'node:http'
import { text } from 'node:stream/consumers'
import { isEvergrantError } from '@evergrant/core'
import axios, { AxiosError, type AxiosInstance } from 'axios'
import { describe, expect, it } from 'vitest'
import { attachTokens } from '../src/index.js'
import { adapters, longAgo, startRecordingApi, startWorld, type WorldOptions } from './world.js'

async function attached(options?: WorldOptions, config = {}) {
  const world = await startWorld(options)
  const api = axios.create({ baseURL: world.server.origin, ...config })
  attachTokens(api, { tokens: world.tokens, grantId: 'agency' })
  return { ...world, api }
}

const callMany = (api: AxiosInstance, count: number) =>
  Promise.all(Array.from({ length: count }, async (_, i) => (await api.get(`/api/call/${i}`)).status))

describe('1,000 concurrent calls', { timeout: 60_000 }, () => {
  it('with an expired token make 1 token request and all get 200', async () => {
    const { server, api } = await attached({ receivedAtMs: longAgo() })
    const statuses = await callMany(api, 1000)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1000)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
    expect(server.ledger.apiRequests()).toHaveLength(1000)
  })

  it('with a token revoked early make 1 token request and are each replayed at most once', async () => {
    const { server, api, revokeToken } = await attached()
    await revokeToken()
    const statuses = await callMany(api, 1000)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1000)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
    const times = new Map<string, number>()
    for (const { path } of server.ledger.apiRequests()) times.set(path, (times.get(path) ?? 0) + 1)
    expect(Math.max(...times.values())).toBe(2)
  })
})

describe('a 401', () => {
  it('that arrives late with the token before causes no rotation', async () => {
    const { server, tokens, api } = await attached()
    const gate = server.gate({ path: 'api' })
    const late = callMany(api, 20)
    await gate.arrived(20)
    await tokens.getAccessToken('agency', { forceRefresh: true })
    gate.open()
    expect(await late).toEqual(Array(20).fill(200))
    expect(server.ledger.tokenRequests()).toHaveLength(1)
    expect(server.ledger.apiRequests()).toHaveLength(40)
  })

  it('of an API that refuses everyone stands as an AxiosError after one replay, and burns no more tokens', async () => {
    const { server, api } = await attached()
    server.faults.add({ kind: 'unauthenticated', path: 'api', times: 100 })
    const first = await api.get('/api/x').catch((error) => error)
    expect(first).toBeInstanceOf(AxiosError)
    expect(first).toMatchObject({
      code: 'ERR_BAD_REQUEST',
      response: { status: 401, data: { message: 'Unauthenticated.' } },
    })
    expect(server.ledger.apiRequests()).toHaveLength(2)
    await expect(api.get('/api/x')).rejects.toMatchObject({ response: { status: 401 } })
    expect(server.ledger.apiRequests()).toHaveLength(3)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('of a dead grant rejects with REAUTHORIZATION_REQUIRED', async () => {
    const { server, tokens, api } = await attached()
    server.revokeFamily((await tokens.getAccessToken('agency')).reveal())
    const error = await api.get('/api/x').catch((e) => e)
    expect(isEvergrantError(error, 'REAUTHORIZATION_REQUIRED')).toBe(true)
    expect(error.grantId).toBe('agency')
  })

  it('that validateStatus accepts is replayed too', async () => {
    const { server, api, revokeToken } = await attached({}, { validateStatus: () => true })
    await revokeToken()
    expect((await api.get('/api/x')).status).toBe(200)
    server.faults.add({ kind: 'unauthenticated', path: 'api', times: 2 })
    expect((await api.get('/api/x')).status).toBe(401)
  })

  it('of a grant that does not exist never leaves: GRANT_NOT_FOUND', async () => {
    const { server, api } = await attached()
    const error = await api.get('/api/x', { evergrant: { grantId: 'nobody' } }).catch((e) => e)
    expect(isEvergrantError(error, 'GRANT_NOT_FOUND')).toBe(true)
    expect(server.ledger.apiRequests()).toHaveLength(0)
  })
})

describe.each(adapters)('a response stream through the %s adapter', (adapter) => {
  const read = async (data: unknown) =>
    JSON.parse(await text(data as AsyncIterable<Uint8Array> & ReadableStream))

  it('frees the connection of the 401 before the replay, and is the content of the replay', async () => {
    // One connection only: the replay would wait forever for a 401 that nobody reads.
    const httpAgent = new Agent({ keepAlive: true, maxSockets: 1 })
    const { api, revokeToken } = await attached({}, { adapter, httpAgent, responseType: 'stream' })
    await revokeToken()
    const { data, status } = await api.post('/api/x', 'hello')
    expect(status).toBe(200)
    expect((await read(data)).bodyText).toBe('hello')
    httpAgent.destroy()
  })

  it('of a 401 that stands can be read', async () => {
    const { server, api } = await attached({}, { adapter, responseType: 'stream' })
    server.faults.add({ kind: 'unauthenticated', path: 'api', times: 2 })
    const error = await api.get('/api/x').catch((e) => e)
    expect(error.response.status).toBe(401)
    expect(await read(error.response.data)).toEqual({ message: 'Unauthenticated.' })
  })

  it('ends with the error of an abort', async () => {
    const { server, api } = await attached({}, { adapter, responseType: 'stream' })
    server.faults.add({ kind: 'slow-bytes', everyMs: 10, path: 'api' })
    const controller = new AbortController()
    const { data } = await api.get('/api/x', { signal: controller.signal })
    const reading = read(data)
    controller.abort()
    await expect(reading).rejects.toSatisfy(
      (error: unknown) => axios.isCancel(error) || (error as Error).name === 'AbortError',
    )
  })
})

it('a response stream that is destroyed lets go of the connection at once', async () => {
  let gone: Promise<unknown> | undefined
  const api = await startRecordingApi((_, response) => {
    response.write('the rest never comes')
    gone = once(response, 'close')
  })
  const { tokens } = await startWorld({ api: api.origin })
  const instance = axios.create({ baseURL: api.origin, responseType: 'stream' })
  attachTokens(instance, { tokens, grantId: 'agency' })
  const { data } = await instance.get('/')
  data.once('data', () => setImmediate(() => data.destroy()))
  await once(data, 'close')
  await gone
})
