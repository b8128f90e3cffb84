/** Where there are no modules of Node: runtimes of functions at the edge, whose axios uses `fetch`. */
import axios from 'axios'
import { afterEach, expect, it, vi } from 'vitest'
import { attachTokens } from '../src/index.js'
import { startRecordingApi, startWorld } from './world.js'

afterEach(() => void vi.restoreAllMocks())

it('a request carries its token and is replayed after a 401', async () => {
  const { origin, requests } = await startRecordingApi()
  const { tokens, accessTokens } = await startWorld({ api: origin })
  const asked = vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never)
  const api = axios.create({ baseURL: origin, adapter: 'fetch' })
  attachTokens(api, { tokens, grantId: 'agency' })
  expect((await api.post('/x', { a: 1 })).status).toBe(200)
  expect(asked).toHaveBeenCalled()
  expect(requests.map(({ headers }) => headers.authorization)).toEqual(
    accessTokens().map((token) => `Bearer ${token}`),
  )
  expect(requests.map(({ body }) => String(body))).toEqual(['{"a":1}', '{"a":1}'])
})
