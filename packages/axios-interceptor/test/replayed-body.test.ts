import { Readable } from 'node:stream'
import { isEvergrantError } from '@evergrant/core'
import axios, { type AxiosRequestConfig, toFormData } from 'axios'
import { describe, expect, it } from 'vitest'
import { attachTokens } from '../src/index.js'
import { adapters, type RecordedRequest, startRecordingApi, startWorld } from './world.js'

/** Sends one request whose first answer is 401; returns both as the API got them. */
async function replayed(config: AxiosRequestConfig) {
  const api = await startRecordingApi()
  const { server, tokens } = await startWorld({ api: api.origin })
  const instance = axios.create({ baseURL: api.origin })
  attachTokens(instance, { tokens, grantId: 'agency' })
  const { status } = await instance.request({ method: 'post', url: '/things', ...config })
  expect(status).toBe(200)
  expect(server.ledger.tokenRequests()).toHaveLength(1)
  expect(api.requests).toHaveLength(2)
  return { first: api.requests[0] as RecordedRequest, second: api.requests[1] as RecordedRequest }
}

/** Sends the same request through axios alone, for comparison. */
async function sentByAxiosAlone(config: AxiosRequestConfig) {
  const api = await startRecordingApi((_, response) => response.end())
  await axios.request({ method: 'post', baseURL: api.origin, url: '/things', ...config })
  return api.requests[0] as RecordedRequest
}

const described = ({ method, url, headers, body }: RecordedRequest) => {
  const { authorization: _, host: __, connection: ___, ...rest } = headers
  return { method, url, headers: rest, body: body.toString('latin1') }
}

const asForm = { headers: { 'content-type': 'multipart/form-data' } }

const form = (part: string | Blob): FormData => {
  const data = new FormData()
  data.append('name', 'Ada')
  data.append('part', part as Blob)
  return data
}

/** Names multipart boundaries alike: axios draws one for each sending of a WHATWG FormData. */
const sameBoundary = (sent: ReturnType<typeof described>) => {
  const boundary = /boundary=(\S+)/.exec(sent.headers['content-type'] ?? '')?.[1]
  expect(boundary).toBeDefined()
  expect(sent.body).toContain(`--${boundary}--`)
  return JSON.parse(JSON.stringify(sent).replaceAll(boundary as string, 'boundary'))
}

describe.each(adapters)('a refused request through the %s adapter is replayed byte for byte:', (adapter) => {
  it.each<[string, () => AxiosRequestConfig]>([
    ['an object as JSON', () => ({ data: { a: 1, text: 'äöü "quoted"' } })],
    [
      'a string that is JSON already',
      () => ({ data: '"x"', headers: { 'content-type': 'application/json' } }),
    ],
    ['a plain string', () => ({ data: 'just text', headers: { 'content-type': 'text/plain' } })],
    [
      'an object as a form',
      () => ({ data: { a: 1 }, headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    ],
    ['URLSearchParams', () => ({ data: new URLSearchParams({ a: '1', b: 'ä' }) })],
    ['a Buffer', () => ({ data: Buffer.from([0, 255, 128, 7]) })],
    ['an ArrayBuffer', () => ({ data: new Uint8Array([0, 255, 1]).buffer })],
    ['a typed array', () => ({ data: new Uint8Array([9, 8, 255]) })],
    ['a Blob', () => ({ data: new Blob(['blob ä']) })],
    ['no body', () => ({ method: 'get', params: { q: ['a b', 'c'] }, headers: { 'user-agent': 'mine' } })],
    ['a custom transform', () => ({ data: { n: 1 }, transformRequest: [(data) => `<n>${data.n}</n>`] })],
  ])('%s', async (_, config) => {
    const { first, second } = await replayed({ adapter, ...config() })
    expect(described(second)).toEqual(described(first))
    expect(described(first)).toEqual(described(await sentByAxiosAlone({ adapter, ...config() })))
    expect(second.headers.authorization).toMatch(/^Bearer \S+$/)
    expect(second.headers.authorization).not.toBe(first.headers.authorization)
  })

  it.each<[string, () => AxiosRequestConfig]>([
    ['a FormData of strings', () => ({ data: form('text'), ...asForm })],
    ['a FormData with a Blob', () => ({ data: form(new Blob(['ä'], { type: 'text/plain' })), ...asForm })],
  ])('%s, but for the boundary', async (_, config) => {
    const { first, second } = await replayed({ adapter, ...config() })
    expect(sameBoundary(described(second))).toEqual(sameBoundary(described(first)))
    const alone = await sentByAxiosAlone({ adapter, ...config() })
    expect(sameBoundary(described(first)).body).toBe(sameBoundary(described(alone)).body)
  })
})

describe('multipart that axios makes of an object (the form-data package)', () => {
  const value = () => ({ name: 'Ada', file: Buffer.from([1, 2, 255]), list: ['a', 'b'] })

  it('is replayed byte for byte, boundary included', async () => {
    const { first, second } = await replayed({ data: value(), ...asForm })
    expect(described(second)).toEqual(described(first))
    const alone = described(await sentByAxiosAlone({ data: value(), ...asForm }))
    expect(sameBoundary(described(first)).body).toEqual(sameBoundary(alone).body)
  })
})

describe('a body that is a stream', () => {
  const webStream = () => new Blob(['part one, part two']).stream()
  const nodeStream = () => Readable.from([Buffer.from('part one, '), Buffer.from('part two')])
  const formDataWithStream = () => {
    const data = toFormData({ name: 'Ada' }) as unknown as { append(name: string, value: unknown): void }
    data.append('file', nodeStream())
    return data
  }

  it.each<[string, (typeof adapters)[number], () => unknown]>([
    ['Node stream', 'http', nodeStream],
    ['Node stream', 'fetch', nodeStream],
    ['web ReadableStream', 'fetch', webStream],
    ['form-data with a stream in it', 'http', formDataWithStream],
  ])(
    '(%s, %s) is sent once, fails with BODY_NOT_REPLAYABLE on a 401, and the next call has the new token',
    async (_, adapter, makeBody) => {
      const api = await startRecordingApi()
      const { server, tokens } = await startWorld({ api: api.origin })
      const instance = axios.create({ baseURL: api.origin, adapter })
      attachTokens(instance, { tokens, grantId: 'agency' })
      const send = () => instance.post('/upload', makeBody(), { headers: { 'content-type': 'text/plain' } })
      const error = await send().catch((e: unknown) => e)
      expect(isEvergrantError(error, 'BODY_NOT_REPLAYABLE')).toBe(true)
      expect(error).toMatchObject({ grantId: 'agency' })
      expect(api.requests).toHaveLength(1)
      expect((await send()).status).toBe(200)
      expect(api.requests.every(({ body }) => body.toString().includes('part one, part two'))).toBe(true)
      expect(server.ledger.tokenRequests()).toHaveLength(1)
    },
  )
})
