/** What applications have on their instances besides: retries, progress. */
import axios, { type AxiosInstance } from 'axios'
import axiosRetry from 'axios-retry'
import { describe, expect, it } from 'vitest'
import { attachTokens } from '../src/index.js'
import { adapters, type Reply, startRecordingApi, startWorld } from './world.js'

const retried: [string, (api: AxiosInstance, attach: () => void) => void][] = [
  [
    'before',
    (api, attach) => {
      axiosRetry(api, { retries: 3, retryDelay: () => 0 })
      attach()
    },
  ],
  [
    'after',
    (api, attach) => {
      attach()
      axiosRetry(api, { retries: 3, retryDelay: () => 0 })
    },
  ],
]

describe.each(retried)('axios-retry set up %s attachTokens', (_, setUp) => {
  const scene = async (reply: Reply) => {
    const recording = await startRecordingApi(reply)
    const world = await startWorld({ api: recording.origin })
    const api = axios.create({ baseURL: recording.origin })
    setUp(api, () => attachTokens(api, { tokens: world.tokens, grantId: 'agency' }))
    return { ...world, api, requests: recording.requests }
  }

  it('retries a 503 with the same token, and asks for none', async () => {
    const { api, requests, server } = await scene((_request, response, index) => {
      response.statusCode = index < 2 ? 503 : 200
      response.end('{}')
    })
    expect((await api.get('/x')).status).toBe(200)
    expect(new Set(requests.map(({ headers }) => headers.authorization)).size).toBe(1)
    expect(requests).toHaveLength(3)
    expect(server.ledger.tokenRequests()).toHaveLength(0)
  })

  it('leaves a 401 to Evergrant: one rotation, one replay, and no retry of the second 401', async () => {
    const { api, requests, server } = await scene((_request, response) => {
      response.statusCode = 401
      response.end('{}')
    })
    await expect(api.get('/x')).rejects.toMatchObject({ response: { status: 401 } })
    expect(requests).toHaveLength(2)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('retries the 503 that a replay brought, with the new token', async () => {
    const { api, requests, server } = await scene((_request, response, index) => {
      response.statusCode = [401, 503][index] ?? 200
      response.end('{}')
    })
    expect((await api.get('/x')).status).toBe(200)
    const [first, second, third] = requests.map(({ headers }) => headers.authorization)
    expect(second).not.toBe(first)
    expect(third).toBe(second)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('is not asked to repeat what failed for want of a grant', async () => {
    const { api, requests, tokens } = await scene((_request, response) => response.end('{}'))
    await tokens.revoke('agency')
    await expect(api.get('/x')).rejects.toMatchObject({ code: 'GRANT_NOT_FOUND' })
    expect(requests).toHaveLength(0)
  })
})

describe.each(adapters)('progress through the %s adapter', (adapter) => {
  it('of an upload is told for the request and again for its replay, each up to its end', async () => {
    const recording = await startRecordingApi()
    const { tokens } = await startWorld({ api: recording.origin })
    const api = axios.create({ baseURL: recording.origin, adapter })
    attachTokens(api, { tokens, grantId: 'agency' })
    const body = Buffer.alloc(1_000_000, 'x')
    const loaded: number[] = []
    const onUploadProgress = (event: { loaded: number }): void => void loaded.push(event.loaded)
    expect((await api.post('/upload', body, { onUploadProgress })).status).toBe(200)
    expect(recording.requests.map((request) => request.body.length)).toEqual([body.length, body.length])
    expect(loaded.filter((bytes) => bytes === body.length).length).toBeGreaterThanOrEqual(2)
  })

  it('of a download is told', async () => {
    const recording = await startRecordingApi((_request, response) => response.end('y'.repeat(500_000)))
    const { tokens } = await startWorld({ api: recording.origin })
    const api = axios.create({ baseURL: recording.origin, adapter })
    attachTokens(api, { tokens, grantId: 'agency' })
    let loaded = 0
    await api.get('/file', {
      onDownloadProgress: (event) => {
        loaded = event.loaded
      },
    })
    expect(loaded).toBe(500_000)
  })
})
