/** What holds for every request with a secret in it: where it may go, how much of an answer is read, and for how long. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createTokenManager,
  fetchWithTokens,
  memoryStore,
  oauth2Provider,
  type ProviderFacts,
  passolution,
} from '@evergrant/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { cameBack, openFleet, openManager } from './regressions/scene.js'

afterEach(() => vi.restoreAllMocks())

describe('TLS', () => {
  const good = passolution({ clientId: 'c', clientSecret: 's' })
  const places = ['tokenEndpoint', 'authorizationEndpoint', 'revocationEndpoint'] as const
  const manager = (provider: ProviderFacts) => createTokenManager({ provider, store: memoryStore() })

  it.each(places)('is asked of %s, also in facts that no factory has made', (name) => {
    const facts = { ...good, [name]: 'http://as.example/x' }
    expect(() => manager(facts)).toThrow(`'provider.${name}' must use https`)
    expect(() => manager({ ...facts, dangerouslyAllowHttp: true })).not.toThrow()
    expect(() => manager({ ...good, [name]: 'http://127.0.0.1:1/x' })).not.toThrow()
  })

  it('is asked of API origins', () => {
    expect(() => manager({ ...good, apiOrigins: ['http://api.example'] })).toThrow("'provider.apiOrigins'")
  })

  it('decides where tokens go when the provider declares no API origins', async () => {
    const options = { id: 'p', clientId: 'c', tokenEndpoint: 'https://as.example/token' }
    const tokens = manager(oauth2Provider(options))
    for (const url of ['https://api.example/', 'http://localhost:1/', 'http://127.0.0.1/', 'http://[::1]/'])
      expect(tokens.isApiUrl(url)).toBe(true)
    for (const url of [
      'http://api.example/',
      'http://127.0.0.1.evil.example/',
      'ftp://api.example/',
      'data:,x',
    ])
      expect(tokens.isApiUrl(url)).toBe(false)
    expect(
      manager(oauth2Provider({ ...options, dangerouslyAllowHttp: true })).isApiUrl('http://api.example/'),
    ).toBe(true)

    await tokens.saveGrant('g', { access_token: 'secret' })
    const sent: Headers[] = []
    const fetch = async (_: unknown, init?: RequestInit) => {
      sent.push(new Headers(init?.headers))
      return new Response('')
    }
    await fetchWithTokens({ tokens, grantId: 'g', fetch })('http://api.example/')
    await fetchWithTokens({ tokens, grantId: 'g', fetch })('https://api.example/')
    expect(sent.map((headers) => headers.get('authorization'))).toEqual([null, 'Bearer secret'])
  })
})

describe('a token request', () => {
  it.each([301, 302, 303, 307, 308] as const)('does not follow a redirect with status %i', async (status) => {
    const asked: string[] = []
    const elsewhere = createServer(({ url }, reply) => void reply.end(asked.push(url ?? '') && '{}'))
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
    try {
      const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/stolen`
      const fleet = await openFleet({ preset: 'passolution' })
      const { tokens } = fleet.member()
      await tokens.saveGrant('g', fleet.server.issueGrant())
      for (const path of ['token', 'revoke'] as const)
        fleet.server.faults.add({ kind: 'redirect', status, location, path, times: 2 })
      await expect(tokens.exchangeCode('h', cameBack(fleet.server))).rejects.toMatchObject({
        code: 'OUTCOME_UNKNOWN',
      })
      await tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 300 }).catch(() => {})
      await tokens.revoke('g')
      expect(asked).toEqual([])
    } finally {
      elsewhere.closeAllConnections()
      elsewhere.close()
    }
  })

  it.each(['oversized', 'endless'] as const)('reads an %s reply up to a limit', async (kind) => {
    const fleet = await openFleet({ preset: 'passolution' })
    const { clientId, clientSecret, origin } = fleet.server
    const read = { bytes: 0 }
    const tokens = openManager({
      provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
      store: memoryStore(),
      async fetch(input, init) {
        const response = await fetch(input, init)
        const counted = new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            read.bytes += chunk.byteLength
            controller.enqueue(chunk)
          },
        })
        return new Response(response.body?.pipeThrough(counted), response)
      },
    })
    fleet.server.faults.add({ kind, tokens: 'nowhere' })
    await expect(tokens.exchangeCode('g', cameBack(fleet.server))).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
    })
    expect(read.bytes).toBeGreaterThan(1_000_000)
    expect(read.bytes).toBeLessThan(3_000_000)
  })
})

describe('state and verifier', () => {
  it('come from the random numbers of the system, and from nothing that a test or an attacker can foresee', async () => {
    const random = vi.spyOn(crypto, 'getRandomValues')
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const provider = passolution({ clientId: 'c', clientSecret: 's' })
    const chance = { float: () => 0.5, id: () => 'foreseen' }
    const tokens = openManager({ provider, store: memoryStore(), chance })
    const requests = await Promise.all(
      Array.from({ length: 20 }, () => tokens.authorizationUrl({ redirectUri: 'https://app.example/' })),
    )
    const secrets = requests.flatMap(({ state, codeVerifier }) => [state, codeVerifier])
    expect(new Set(secrets).size).toBe(40)
    // 256 bits each, in base64url.
    for (const secret of secrets) expect(secret).toMatch(/^[\w-]{43}$/)
    expect(random).toHaveBeenCalledTimes(40)
  })
})
