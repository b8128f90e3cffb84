import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attachTokens } from '@evergrant/axios-interceptor'
import { connectRoutes, evergrantErrors, grants, tokenProxy } from '@evergrant/express'
import axios from 'axios'
import express, { type Express } from 'express'
import { ask } from '../ask.js'
import { echoes, issueTokens } from '../echo-server.js'
import type { Kind, Scene } from '../scene.js'
import { GRANT, openWorld, type World } from '../world.js'

interface Site extends World {
  readonly scene: Scene
  readonly url: string
  /** Lets the next request need a rotation. */
  refuseToken(): void
}

async function serve(scene: Scene, app: Express): Promise<string> {
  const http = createServer(app)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  scene.atEnd(async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

/** With and without our error handler: Express prints the stack of what nobody handles. */
async function openSite(scene: Scene, handled: boolean): Promise<Site> {
  const world = await openWorld(scene)
  const { tokens, server } = world
  const app = express()
  let connect: ReturnType<typeof connectRoutes> | undefined
  app.use('/connect', (req, res, next) => connect?.(req, res, next))
  app.use(
    '/proxy',
    tokenProxy({ tokens, grantId: GRANT, target: `${server.origin}/api`, idleTimeoutMs: 300 }),
  )
  app.use(grants({ tokens, grantId: GRANT, attachTokens, timeoutMs: 700 }))
  app.get('/token', async (req, res) => {
    const token = await req.grant.getAccessToken()
    res.json({ token, text: String(token), grant: req.grant, status: await req.grant.status() })
  })
  app.get('/fetch', async (req, res) => {
    res.json({ status: (await req.grant.fetch(`${server.origin}/api`)).status })
  })
  app.get('/axios', async (req, res) => {
    res.json({ status: (await req.grant.axios(axios.create({ baseURL: server.origin })).get('/api')).status })
  })
  if (handled) app.use(evergrantErrors({ connectUrl: '/connect' }))
  const url = await serve(scene, app)
  const secret = scene.canaries.plant('cookie key')
  connect = connectRoutes({ tokens, grantId: GRANT, redirectUri: `${url}/connect/callback`, secret })
  let refused = 0
  const refuseToken = (): void => {
    const { api } = server.answers
    server.answers.api = (received, reply) => {
      if (refused++ === 0) reply.writeHead(401).end('{}')
      else api(received, reply)
    }
  }
  return { ...world, scene, url, refuseToken }
}

const pages = Object.entries(echoes).flatMap(([name, echo]) =>
  [true, false].map(
    (handled): Kind => ({
      area: 'express',
      name: `${handled ? 'our error handler' : "Express' own error handler"}: the token endpoint gives ${name}`,
      async run(scene) {
        const site = await openSite(scene, handled)
        site.refuseToken()
        site.server.answers.token = echo
        await ask(scene, `${site.url}/fetch`)
        await ask(scene, `${site.url}/axios`)
        await ask(scene, `${site.url}/token`)
      },
    }),
  ),
)

/** Bodies are the API's own words and pass as they are; headers that quote the token do not. */
const proxied = Object.entries(echoes).map(
  ([name, echo]): Kind => ({
    area: 'express, proxy',
    name: `the API gives ${name}`,
    async run(scene) {
      const { server, url } = await openSite(scene, true)
      server.answers.api = echo
      await ask(scene, `${url}/proxy/x?y=1`, { hide: ({ body }) => JSON.stringify(body).slice(1, -1) }).catch(
        (error: unknown) => scene.see('error', error),
      )
    },
  }),
)

const proxyFailures: Readonly<Record<string, (site: Site) => Promise<unknown>>> = {
  'an answer of the token endpoint that quotes': ({ scene, url, server, refuseToken }) => {
    refuseToken()
    server.answers.token = echoes['a refusal that quotes'] ?? server.answers.token
    return ask(scene, `${url}/proxy/x`)
  },
  'a grant that is gone': async ({ scene, url, tokens }) => {
    await tokens.revoke(GRANT)
    return ask(scene, `${url}/proxy/x`)
  },
  'an API that is silent': ({ scene, url, server }) => {
    server.answers.api = () => {}
    return ask(scene, `${url}/proxy/x`)
  },
  'an API that refuses every token': ({ scene, url, server }) => {
    server.answers.api = (_, reply) => void reply.writeHead(401).end('{}')
    return ask(scene, `${url}/proxy/x`, { method: 'POST', body: 'x' })
  },
  'a path that leads outside': ({ scene, url }) => ask(scene, `${url}/proxy/..%2f..%2ftoken`),
  'another site': ({ scene, url }) =>
    ask(scene, `${url}/proxy/x`, { method: 'POST', headers: { origin: 'https://evil.example' } }),
  'a method it does not know': ({ scene, url }) => ask(scene, `${url}/proxy/x`, { method: 'PROPFIND' }),
  'a token that no header can carry': async ({ scene, url, server, refuseToken }) => {
    refuseToken()
    server.answers.token = issueTokens(scene, () => ({
      access_token: `${scene.canaries.plant('access token')}\n`,
    }))
    return ask(scene, `${url}/proxy/x`)
  },
}

const proxyKinds = Object.entries(proxyFailures).map(
  ([name, run]): Kind => ({
    area: 'express, proxy',
    name,
    async run(scene) {
      await run(await openSite(scene, true))
    },
  }),
)

const callbacks: Readonly<Record<string, (query: URLSearchParams, site: Site) => void>> = {
  'a good end': () => {},
  'another state': (query) => query.set('state', 'forged'),
  'a refusal by the user': (query) => {
    query.set('error', 'access_denied')
    query.set('error_description', query.get('code') ?? '')
  },
  'an exchange that is refused with a quote': (_, { server }) => {
    server.answers.token = echoes['a refusal that quotes'] ?? server.answers.token
  },
  'an exchange whose connection is cut': (_, { server }) => {
    server.answers.token = echoes['a connection that is cut'] ?? server.answers.token
  },
}

const connects = Object.entries(callbacks).flatMap(([name, spoil]) =>
  ['text/html', 'application/json'].map(
    (accept): Kind => ({
      area: 'express, connect',
      name: `${name} (${accept})`,
      async run(scene) {
        const site = await openSite(scene, true)
        const location = (answer: { headers: { location?: string | undefined } }): URL =>
          new URL(answer.headers.location ?? '')
        const stateOf = (url: URL): string => url.searchParams.get('state') ?? 'none'
        const begun = await ask(scene, `${site.url}/connect?returnTo=/there`, {
          headers: { accept },
          hide: (answer) => stateOf(location(answer)),
        })
        const state = stateOf(location(begun))
        scene.canaries.know('state', state)
        const cookie = String(begun.headers['set-cookie']?.[0]?.split(';')[0])
        const query = new URLSearchParams({ code: scene.canaries.plant('code'), state })
        spoil(query, site)
        for (let times = 0; times < 2; times++)
          await ask(scene, `${site.url}/connect/callback?${query}`, { headers: { accept, cookie } })
        await ask(scene, `${site.url}/connect/disconnect`, { method: 'POST', headers: { accept } })
      },
    }),
  ),
)

export const expressKinds: readonly Kind[] = [...pages, ...proxied, ...proxyKinds, ...connects]
