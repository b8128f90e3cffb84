import { Agent } from 'node:http'
import { Readable } from 'node:stream'
import { attachTokens } from '@evergrant/axios-interceptor'
import axios, { type AxiosInstance, type AxiosRequestConfig } from 'axios'
import { echoes } from '../echo-server.js'
import type { Kind, Scene } from '../scene.js'
import { GRANT, openWorld, type World } from '../world.js'

interface Case extends World {
  readonly scene: Scene
  readonly api: AxiosInstance
}

/**
 * Shows what axios handed back, but for the API's own words: body, headers, status text and the URL it redirected to
 * are what the application asked for.
 */
function show({ scene }: Case, outcome: unknown): void {
  const { response = outcome, request } = outcome as { response?: Record<string, unknown>; request?: object }
  if (typeof response === 'object' && response !== null) {
    const reply = response as Record<string, unknown>
    for (const name of ['data', 'headers', 'statusText']) if (name in reply) reply[name] = undefined
    hideUrl(reply.request)
  }
  hideUrl(request)
  scene.see('outcome', outcome, (outcome as { toJSON?: () => unknown }).toJSON?.())
}

function hideUrl(request: unknown): void {
  if (typeof request === 'object' && request !== null && 'responseURL' in request)
    Object.assign(request, { responseURL: '', path: '', res: '' })
}

const failures: Readonly<Record<string, (given: Case) => Promise<unknown>>> = {
  ...Object.fromEntries(
    Object.entries(echoes).map(([name, echo]) => [
      name,
      ({ server, api }: Case) => {
        server.answers.api = echo
        return api.get('/api')
      },
    ]),
  ),
  'a success': ({ api }) => api.get('/api'),
  'a token refused for good': ({ server, api }) => {
    server.answers.api = (_, reply) => void reply.writeHead(401).end('{}')
    return api.get('/api')
  },
  'no token to be had': async ({ server, api, tokens }) => {
    await tokens.revoke(GRANT)
    server.answers.token = echoes['a refusal that quotes'] ?? server.answers.token
    return api.get('/api')
  },
  'a timeout': ({ server, api }) => {
    server.answers.api = () => {}
    return api.get('/api', { timeout: 40 })
  },
  'an abort': ({ server, api }) => {
    server.answers.api = () => {}
    return api.get('/api', { signal: AbortSignal.timeout(40) })
  },
  'a body that cannot be sent again': ({ server, api }) => {
    server.answers.api = (_, reply) => void reply.writeHead(401).end('{}')
    return api.post('/api', Readable.from(['x']))
  },
  'a reply that is too large': ({ api }) => api.get('/api', { maxContentLength: 1 }),
  'redirects without end': ({ server, api }) => {
    server.answers.api = (_, reply) => void reply.writeHead(302, { location: '/api' }).end()
    return api.get('/api', { maxRedirects: 3 })
  },
  'a redirect to no URL': ({ server, api }) => {
    server.answers.api = ({ headers }, reply) => {
      reply.writeHead(302, { location: `http://[${encodeURIComponent(headers.authorization ?? '')}` }).end()
    }
    return api.get('/api')
  },
  'a transform that throws': ({ api }) =>
    api.get('/api', {
      transformResponse: () => {
        throw new Error('cannot read it')
      },
    }),
  'a stream that is cut': async ({ server, api }) => {
    server.answers.api = (_, reply) => {
      reply.writeHead(200, { 'content-length': '999' }).write('x')
      setTimeout(() => reply.destroy(), 10)
    }
    const response = await api.get('/api', { responseType: 'stream' })
    for await (const _ of response.data as AsyncIterable<unknown>);
  },
  'a connection that is refused': ({ api }) => api.get('http://127.0.0.1:1/api'),
}

/** Printed by the application itself, as `console.error(error)` does. */
const printed = ['a token refused for good', 'a connection that is cut', 'a timeout']

export const axiosKinds: readonly Kind[] = (['http', 'fetch'] as const).flatMap((adapter) =>
  Object.entries(failures).map(
    ([name, run]): Kind => ({
      area: `axios, ${adapter} adapter`,
      name,
      async run(scene) {
        const world = await openWorld(scene)
        const httpAgent = new Agent({ keepAlive: true })
        scene.atEnd(() => httpAgent.destroy())
        const config: AxiosRequestConfig = { baseURL: world.server.origin, adapter, httpAgent }
        const api = axios.create(config)
        const detach = attachTokens(api, { tokens: world.tokens, grantId: GRANT })
        const given: Case = { ...world, scene, api }
        const outcome = await run(given).catch((error: unknown) => error)
        show(given, outcome)
        if (printed.includes(name)) console.error(outcome)
        scene.see('instance', api, api.defaults, detach)
      },
    }),
  ),
)
