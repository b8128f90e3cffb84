/**
 * Older versions of axios: 1.0.0, the oldest that is supported, has its adapter as a function; 1.3.6 has it by name and
 * shows nobody how to find it, as all from 1.2 to 1.4.
 */
import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import type axios from 'axios'
import type { AxiosError } from 'axios'
import { describe, expect, it } from 'vitest'
import { attachTokens } from '../src/index.js'
import { longAgo, startRecordingApi, startWorld } from './world.js'

const require = createRequire(import.meta.url)

describe.each([
  ['1.0.0', require('axios-oldest') as typeof axios],
  ['1.3.6', require('axios-by-name') as typeof axios],
])('axios %s', (version, older) => {
  it('is the one that is tested here', () => {
    expect(older.VERSION).toBe(version)
    expect(older).not.toHaveProperty('getAdapter')
  })

  it('sends the token and waits for a rotation', async () => {
    const { server, tokens } = await startWorld({ receivedAtMs: longAgo() })
    const api = older.create({ baseURL: server.origin })
    const detach = attachTokens(api, { tokens, grantId: 'agency' })
    expect((await api.get('/api/x')).status).toBe(200)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
    detach()
    await expect(api.get('/api/x')).rejects.toMatchObject({ response: { status: 401 } })
  })

  it('replays a refused request byte for byte', async () => {
    const recording = await startRecordingApi()
    const { tokens, accessTokens } = await startWorld({ api: recording.origin })
    const api = older.create({ baseURL: recording.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    const response = await api.post('/x', { text: 'ä' }, { headers: { 'X-Mine': 'yes' } })
    expect(response.status).toBe(200)
    const [first, second] = recording.requests
    expect(second?.body).toEqual(first?.body)
    expect(second?.headers['x-mine']).toBe('yes')
    expect(second?.headers.authorization).not.toBe(first?.headers.authorization)
    for (const token of accessTokens()) expect(JSON.stringify(response.config)).not.toContain(token)
  })

  it('rejects with its own errors, in which there is no token', async () => {
    const recording = await startRecordingApi((_request, response) => {
      response.statusCode = 401
      response.end('{}')
    })
    const { tokens, accessTokens } = await startWorld({ api: recording.origin })
    const api = older.create({ baseURL: recording.origin })
    attachTokens(api, { tokens, grantId: 'agency' })
    const error = await api.get('/x').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(older.AxiosError)
    const printed = JSON.stringify((error as { toJSON(): object }).toJSON())
    for (const token of accessTokens()) expect(printed).not.toContain(token)
  })

  it('rejects as it does alone where there is no answer, and there is no token in that either', async () => {
    const recording = await startRecordingApi((_request, response) => response.destroy())
    const { tokens, accessTokens } = await startWorld({ api: recording.origin })
    const api = older.create({ baseURL: recording.origin })
    const failure = (): Promise<AxiosError> => api.get('/x').catch((reason) => reason)
    const alone = await failure()
    attachTokens(api, { tokens, grantId: 'agency' })
    const error = await failure()
    expect(recording.requests.map(({ headers }) => 'authorization' in headers)).toEqual([false, true])
    expect(error).toBeInstanceOf(older.AxiosError)
    expect(error).toMatchObject({ name: alone.name, message: alone.message, code: 'ECONNRESET' })
    expect(error.response).toBeUndefined()
    const printed = JSON.stringify(error.toJSON())
    for (const token of accessTokens()) expect(printed).not.toContain(token)
  })

  it('gives an answer the config of the application, also when it is a stream', async () => {
    const recording = await startRecordingApi((_request, response) => response.end('streamed'))
    const { tokens, accessTokens } = await startWorld({ api: recording.origin })
    const api = older.create({ baseURL: recording.origin, responseType: 'stream' })
    attachTokens(api, { tokens, grantId: 'agency' })
    const { data, config } = await api.get<AsyncIterable<Buffer>>('/x', { headers: { 'X-Mine': 'yes' } })
    let text = ''
    for await (const chunk of data) text += chunk.toString()
    expect(text).toBe('streamed')
    expect(config.headers).toMatchObject({ 'X-Mine': 'yes' })
    expect(inspect(config, { depth: 9 }) + inspect(data, { depth: 9 })).not.toContain(accessTokens()[0])
  })
})

it('axios 1.3.6: an adapter that it does not know is told as axios alone tells it', async () => {
  const byName = require('axios-by-name') as typeof axios
  const { server, tokens } = await startWorld()
  const api = byName.create({ baseURL: server.origin, adapter: 'pigeon' as never })
  const failure = (): Promise<unknown> => api.get('/api/x').catch(String)
  const alone = await failure()
  attachTokens(api, { tokens, grantId: 'agency' })
  expect(await failure()).toBe(alone)
  expect(alone).toContain('pigeon')
  expect(server.ledger.apiRequests()).toHaveLength(0)
})
