import { Agent } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import type { TokenManager } from '@evergrant/core'
import express from 'express'
import { expect, it } from 'vitest'
import { connectRoutes, evergrantErrors, grants, tokenProxy } from '../src/index.js'
import { get, serve, startApi, startWorld } from './world.js'

const fakeTokens = {
  provider: 'p',
  getAccessToken() {},
  reportRejected() {},
  exchangeCode() {},
  revoke() {},
  isApiUrl: (url: string | URL) => new URL(url).hostname !== 'elsewhere.example',
} as unknown as TokenManager

const target = 'https://api.example/v1'
const proxy = { tokens: fakeTokens, grantId: 'a', target }
const secret = 'not a secret, but long enough for a test'
const routes = { tokens: fakeTokens, grantId: 'a', redirectUri: 'https://app.example/callback', secret }

function naming(option: string): (error: unknown) => boolean {
  return (error) => error instanceof TypeError && error.message.includes(`'${option}'`)
}

it.each([
  ['tokens', { tokens: {} }],
  ['tokens', { tokens: undefined }],
  ['grantId', { grantId: '' }],
  ['grantId', { grantId: 7 }],
  ['timeoutMs', { timeoutMs: -1 }],
  ['timeoutMs', { timeoutMs: 1.5 }],
  ['fetch', { fetch: 'a' }],
  ['attachTokens', { attachTokens: {} }],
])('grants names the option %s that is wrong: %j', (option, wrong) => {
  expect(() => grants({ tokens: fakeTokens, grantId: 'a' })).not.toThrow()
  expect(() => grants({ tokens: fakeTokens, grantId: 'a', ...wrong } as never)).toThrow(
    expect.toSatisfy(naming(option)),
  )
})

it.each([
  ['tokens', { tokens: {} }],
  ['tokens', { tokens: { exchangeCode() {}, provider: 'p' } }],
  ['grantId', { grantId: null }],
  ['redirectUri', { redirectUri: 'callback' }],
  ['secret', { secret: 'short' }],
  ['lifetimeMs', { lifetimeMs: Number.NaN }],
  ['defaultReturnTo', { defaultReturnTo: '//evil.example' }],
  ['afterDisconnect', { afterDisconnect: '//evil.example' }],
  ['afterDisconnect', { afterDisconnect: 'https://evil.example' }],
  ['afterDisconnect', { afterDisconnect: 7 }],
  ['allowedOrigins', { allowedOrigins: 'https://a.example' }],
  ['allowedOrigins', { allowedOrigins: ['https://a.example/'] }],
  ['allowedOrigins', { allowedOrigins: [7] }],
])('connectRoutes names the option %s that is wrong: %j', (option, wrong) => {
  expect(() => connectRoutes(routes)).not.toThrow()
  expect(() => connectRoutes({ ...routes, ...wrong } as never)).toThrow(expect.toSatisfy(naming(option)))
})

it.each([
  ['tokens', { tokens: null }],
  ['grantId', { grantId: undefined }],
  ['target', { target: undefined }],
  ['target', { target: '/v1' }],
  ['target', { target: 'ftp://api.example' }],
  ['target', { target: 'http://api.example' }],
  ['target', { target: 'https://user@api.example' }],
  ['target', { target: 'https://:password@api.example' }],
  ['target', { target: 'https://api.example/?a=1' }],
  ['target', { target: 'https://api.example/#a' }],
  ['target', { target: 'https://elsewhere.example' }],
  ['target', { target: 'https://api.example/a%2f..' }],
  ['bufferLimitBytes', { bufferLimitBytes: -1 }],
  ['bufferLimitBytes', { bufferLimitBytes: 11, maxBodyBytes: 10 }],
  ['maxBodyBytes', { maxBodyBytes: 'all' }],
  ['timeoutMs', { timeoutMs: '1' }],
  ['idleTimeoutMs', { idleTimeoutMs: 0 }],
  ['idleTimeoutMs', { idleTimeoutMs: 2 ** 31 }],
  ['allowedOrigins', { allowedOrigins: ['*'] }],
  ['requiredHeader', { requiredHeader: 'a b' }],
  ['requiredHeader', { requiredHeader: '' }],
  ['connectUrl', { connectUrl: {} }],
  ['agent', { agent: {} }],
  ['agent', { agent: new Agent() }],
])('tokenProxy names the option %s that is wrong: %j', (option, wrong) => {
  expect(() => tokenProxy({ ...proxy, ...wrong } as never)).toThrow(expect.toSatisfy(naming(option)))
})

it.each([
  target,
  'https://api.example',
  'https://[2001:db8::1]:8443/v1/',
  'http://127.0.0.1:3000',
  'http://localhost',
  'http://[::1]:3000/v1',
])('tokenProxy takes the target %s', (good) => {
  expect(() => tokenProxy({ ...proxy, target: good })).not.toThrow()
})

it('tokenProxy goes without TLS only when told so by a name that looks wrong', () => {
  expect(() =>
    tokenProxy({ ...proxy, target: 'http://api.internal', dangerouslyAllowHttp: true }),
  ).not.toThrow()
})

it.each([['connectUrl', { connectUrl: 7 }]])('evergrantErrors names the option %s', (option, wrong) => {
  expect(() => evergrantErrors()).not.toThrow()
  expect(() => evergrantErrors(wrong as never)).toThrow(expect.toSatisfy(naming(option)))
})

it('an agent that is passed keeps the connections', async () => {
  const api = await startApi()
  const { tokens } = await startWorld({ api: api.origin })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const app = express()
  app.use(tokenProxy({ tokens, grantId: 'agency', target: api.origin, agent }))
  const origin = await serve(app)
  await Promise.all([get(origin), get(origin), get(origin)])
  expect(new Set(api.begun.map(({ socket }) => socket.remotePort)).size).toBe(1)
  agent.destroy()
})

it('an https target is spoken to with TLS', async () => {
  const heard: Buffer[] = []
  const tcp = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (chunk) => {
      heard.push(chunk)
      socket.destroy()
    })
  })
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
  const api = `https://127.0.0.1:${(tcp.address() as AddressInfo).port}`
  const { tokens } = await startWorld({ api })
  const app = express()
  app.use(tokenProxy({ tokens, grantId: 'agency', target: api }))
  expect(await get(await serve(app))).toMatchObject({ status: 502 })
  // A TLS handshake record.
  expect(heard[0]?.[0]).toBe(0x16)
  tcp.close()
})
