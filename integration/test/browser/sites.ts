import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTokenManager, memoryStore, passolution, systemClock, type TokenManager } from '@evergrant/core'
import { connectRoutes, evergrantErrors, tokenProxy } from '@evergrant/express'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import express from 'express'

/** What a user's browser meets: an application at `localhost`, and at `127.0.0.1`, which is another site, a provider. */
export interface Sites {
  readonly app: string
  readonly provider: AuthorizationServer
  readonly tokens: TokenManager
  /** Lets time pass for the application's connect routes. */
  pass(ms: number): void
  /** Everything that no browser may see. */
  secrets(): readonly string[]
  /** A page of yet another site, at `127.0.0.1`. */
  stranger(html: string): Promise<string>
  close(): Promise<void>
}

const PAGE = `<!doctype html><html lang="en"><title>Application</title>
<a id="connect" href="/connect?returnTo=/settings">Connect</a>
<form method="post" action="/connect/disconnect"><button id="disconnect">Disconnect</button></form></html>`

export async function listen(
  listener: RequestListener,
  host: string,
): Promise<{ url: string; server: Server }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return { url: `http://${host}:${(server.address() as AddressInfo).port}`, server }
}

export const stop = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.closeAllConnections()
    server.close(() => resolve())
  })

/** An Express application as its README has it. */
export async function startSites(): Promise<Sites> {
  let aheadMs = 0
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
  const provider = await startAuthorizationServer({ preset: 'passolution', consent: 'ask' })
  const { origin, clientId, clientSecret, revocationEndpoint } = provider
  const secrets = new Set([clientSecret])
  const tokens = createTokenManager({
    provider: {
      ...passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
      revocationEndpoint,
    },
    store: memoryStore(),
    async fetch(input, init) {
      const response = await fetch(input, init)
      const text = await response.clone().text()
      for (const [, token = ''] of text.matchAll(/"(?:access|refresh)_token": ?"([^"]+)"/g))
        secrets.add(token)
      return response
    },
  })
  const app = express()
  const { url, server } = await listen(app, 'localhost')
  const secret = 'thirty-two characters or more, for tests'
  const connect = { tokens, grantId: 'agency-42', redirectUri: `${url}/connect/callback`, secret, clock }
  app.use('/connect', connectRoutes(connect))
  app.use(
    '/api/travel',
    tokenProxy({ tokens, grantId: 'agency-42', target: `${origin}/api/v2`, connectUrl: '/connect' }),
  )
  app.get(['/', '/settings'], (_request, response) => void response.type('html').send(PAGE))
  app.use(evergrantErrors({ connectUrl: '/connect' }))
  const strangers: Server[] = []
  return {
    app: url,
    provider,
    tokens,
    pass(ms) {
      aheadMs += ms
    },
    secrets: () => [...secrets],
    async stranger(html) {
      const page: RequestListener = (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end(html)
      }
      const other = await listen(page, '127.0.0.1')
      strangers.push(other.server)
      return other.url
    },
    async close() {
      await Promise.all([server, ...strangers].map(stop))
      await tokens.close()
      await provider.close()
    },
  }
}
