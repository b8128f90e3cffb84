import axios from 'axios'
import { describe, expect, it } from 'vitest'
import { attachTokens } from '../src/index.js'
import { adapters, startRecordingApi, startWorld } from './world.js'

async function redirecting(adapter: (typeof adapters)[number], landingStatus = 200) {
  const elsewhere = await startRecordingApi((_, response) => {
    response.statusCode = landingStatus
    response.end('{}')
  })
  const api = await startRecordingApi(({ url }, response) => {
    const location = url === '/away' ? `${elsewhere.origin}/landing` : url === '/here' ? '/there' : undefined
    if (location) response.writeHead(302, { location })
    response.end('{}')
  })
  const world = await startWorld({ api: api.origin })
  const instance = axios.create({ baseURL: api.origin, adapter })
  attachTokens(instance, { tokens: world.tokens, grantId: 'agency' })
  return { ...world, api, elsewhere, instance }
}

describe.each(adapters)('a redirect through the %s adapter', (adapter) => {
  it('to another origin does not take the token along', async () => {
    const { api, elsewhere, instance } = await redirecting(adapter)
    expect((await instance.get('/away')).status).toBe(200)
    expect(api.requests[0]?.headers.authorization).toMatch(/^Bearer /)
    expect(elsewhere.requests.map(({ headers }) => headers.authorization)).toEqual([undefined])
  })

  it('within the origin keeps the token', async () => {
    const { api, instance } = await redirecting(adapter)
    expect((await instance.get('/here')).status).toBe(200)
    const sent = api.requests.map(({ url, headers }) => [url, headers.authorization !== undefined])
    expect(sent).toEqual([
      ['/here', true],
      ['/there', true],
    ])
  })
})

describe('a redirect through the http adapter', () => {
  it('to an origin that answers 401 does not count against the token', async () => {
    const { server, elsewhere, instance } = await redirecting('http', 401)
    await expect(instance.get('/away')).rejects.toMatchObject({ response: { status: 401 } })
    expect(server.ledger.tokenRequests()).toHaveLength(0)
    expect(elsewhere.requests).toHaveLength(1)
  })

  it("is shown to the application's beforeRedirect without the token", async () => {
    const { accessTokens, api, instance } = await redirecting('http')
    let seen = ''
    const { request } = await instance.get('/here', {
      beforeRedirect(options, response, sent) {
        seen = JSON.stringify([options.headers, response, sent])
        options.headers['x-added'] = 'yes'
      },
    })
    expect(seen).toContain('/there')
    expect(seen).not.toContain(accessTokens()[0])
    expect(api.requests[1]?.headers).toMatchObject({ 'x-added': 'yes', authorization: expect.any(String) })
    expect(request.res.responseUrl).toBe(`${api.origin}/there`)
  })
})

describe('a redirect through the fetch adapter, which does not see it', () => {
  it('to an origin that answers 401 costs one replay and one rotation, and no token gets there', async () => {
    const { server, api, elsewhere, instance } = await redirecting('fetch', 401)
    await expect(instance.get('/away')).rejects.toMatchObject({ response: { status: 401 } })
    expect(server.ledger.tokenRequests()).toHaveLength(1)
    expect(new Set(api.requests.map(({ headers }) => headers.authorization)).size).toBe(2)
    expect(elsewhere.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
  })

  it("is not followed with `redirect: 'error'`", async () => {
    const { server, elsewhere, instance } = await redirecting('fetch', 401)
    const call = instance.get('/away', { fetchOptions: { redirect: 'error' } })
    await expect(call).rejects.toMatchObject({ code: 'ERR_NETWORK' })
    expect(elsewhere.requests).toHaveLength(0)
    expect(server.ledger.tokenRequests()).toHaveLength(0)
  })
})
