import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import {
  createTokenManager,
  memoryStore,
  oauth2Provider,
  passolution,
  type TokenManager,
  type TokenManagerOptions,
} from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach } from 'vitest'

export const adapters = ['http', 'fetch'] as const

/** Long ago enough for a grant of a year to be expired. */
export const longAgo = (): number => Date.now() - 400 * 86_400_000

export interface World {
  readonly server: AuthorizationServer
  readonly tokens: TokenManager
  /** Every access token this grant has had so far. */
  accessTokens(): readonly string[]
  /** Makes the API refuse the token that is handed out now. */
  revokeToken(): Promise<void>
}

const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

export interface WorldOptions extends Partial<TokenManagerOptions> {
  /** Where the API is. @defaultValue the emulated server */
  readonly api?: string
  readonly receivedAtMs?: number
}

/** The emulated server and a manager that has the grant `agency`. */
export async function startWorld({ api, receivedAtMs, ...options }: WorldOptions = {}): Promise<World> {
  const server = await startAuthorizationServer({ preset: 'passolution' })
  cleanups.push(() => server.close())
  const { origin, clientId, clientSecret } = server
  const seen: string[] = []
  const tokens = createTokenManager({
    provider: passolution({ clientId, clientSecret, authorizationServer: origin, api: api ?? origin }),
    store: memoryStore(),
    // Reads the replies on the way, to know the tokens that must not be found anywhere.
    async fetch(input, init) {
      const response = await fetch(input, init)
      const reply = (await response.clone().json()) as { access_token?: string }
      if (reply.access_token) seen.push(reply.access_token)
      return response
    },
    ...options,
  })
  cleanups.push(() => tokens.close())
  const grant = server.issueGrant()
  seen.push(grant.access_token)
  await tokens.saveGrant('agency', grant, { receivedAtMs })
  return {
    server,
    tokens,
    accessTokens: () => seen,
    async revokeToken() {
      server.revokeAccessToken((await tokens.getAccessToken('agency')).reveal())
    },
  }
}

/** A manager whose provider declares no API origins. */
export async function managerForAnyOrigin(server: AuthorizationServer): Promise<TokenManager> {
  const { clientId, clientSecret, tokenEndpoint } = server
  const tokens = createTokenManager({
    provider: oauth2Provider({ id: 'anywhere', clientId, clientSecret, tokenEndpoint }),
    store: memoryStore(),
  })
  cleanups.push(() => tokens.close())
  await tokens.saveGrant('agency', server.issueGrant())
  return tokens
}

export interface RecordedRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface RecordingApi {
  readonly origin: string
  readonly requests: readonly RecordedRequest[]
}

export type Reply = (request: RecordedRequest, response: ServerResponse, index: number) => void

/** An API that keeps every byte it got. @defaultValue of `reply`: the first request is refused, the others not */
export async function startRecordingApi(reply: Reply = refuseFirst): Promise<RecordingApi> {
  const requests: RecordedRequest[] = []
  const http: Server = createServer((incoming, response) => {
    const { method = '', url = '', headers } = incoming
    const take = (body: Buffer) => {
      const request = { method, url, headers, body }
      reply(request, response, requests.push(request) - 1)
    }
    buffer(incoming).then(take, () => response.destroy())
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  cleanups.push(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  return { origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, requests }
}

const refuseFirst: Reply = (_, response, index) => {
  response.statusCode = index === 0 ? 401 : 200
  response.end('{}')
}
