import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { vi } from 'vitest'
import type { RegisteredClient } from './clients.js'
import { serveInteractionPages } from './interaction-pages.js'
import { keepRequestLog, type RequestLog } from './request-log.js'

/** How long access tokens live at the server. */
export const ACCESS_TOKEN_LIFE_MS = 60_000

export interface OidcServer {
  readonly issuer: string
  /** Where all its clients have users sent back to. Nothing listens there. */
  readonly redirectUri: string
  readonly log: RequestLog
  /** Status of its userinfo endpoint, the API here, for this access token. */
  userinfo(accessToken: string): Promise<number>
  close(): Promise<void>
}

/** Runs the certified `oidc-provider` on a free loopback port, keeping everything in memory. */
export async function startOidcServer(clients: readonly RegisteredClient[]): Promise<OidcServer> {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  // The issuer is part of everything and cannot change later: listen first.
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const redirectUri = `${issuer}/cb`
  const configuration = await configure(clients, redirectUri)
  const provider = await withoutWarnings(async () => {
    const { Provider } = await import('oidc-provider')
    return new Provider(issuer, configuration)
  })
  const log = keepRequestLog(provider)
  serveInteractionPages(provider)
  server.on('request', provider.callback())
  return {
    issuer,
    redirectUri,
    log,
    async userinfo(accessToken) {
      const response = await fetch(`${issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } })
      await response.body?.cancel()
      return response.status
    },
    async close() {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

async function configure(
  clients: readonly RegisteredClient[],
  redirectUri: string,
): Promise<Record<string, unknown>> {
  const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])
  const signingKey = await crypto.subtle.exportKey('jwk', privateKey)
  const inCommon = {
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    id_token_signed_response_alg: 'ES256',
  }
  return {
    clients: clients.map(({ registration }) => ({ ...inCommon, ...registration })),
    jwks: { keys: [{ ...signingKey, use: 'sig', alg: 'ES256' }] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    scopes: ['openid', 'offline_access'],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    // Expired is expired; its default forgives 15 seconds.
    clockTolerance: 0,
    findAccount: async (_ctx: unknown, sub: string) => ({ accountId: sub, claims: async () => ({ sub }) }),
    interactions: { url: (_ctx: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: async (_ctx: unknown, client: { clientId: string }, token: { clientId: string }) =>
          client.clientId === token.clientId,
      },
    },
    // Seconds.
    ttl: {
      AccessToken: ACCESS_TOKEN_LIFE_MS / 1000,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 60,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
  }
}

/** It warns of old runtimes and of its in-memory adapter; both are meant here. Everything else stays audible. */
async function withoutWarnings<T>(start: () => Promise<T>): Promise<T> {
  const { warn } = console
  const spy = vi.spyOn(console, 'warn').mockImplementation((...args: unknown[]) => {
    if (!/Unsupported runtime|in-memory adapter/.test(String(args[0]))) warn(...args)
  })
  try {
    return await start()
  } finally {
    spy.mockRestore()
  }
}
