import { Agent } from 'node:http'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import axios, { type AxiosInstance, type AxiosRequestConfig } from 'axios'
import { describe, expect, it } from 'vitest'
import { attachTokens } from '../src/index.js'
import { adapters, startRecordingApi, startWorld, type World } from './world.js'

/** Everything an application could print of a value: what loggers show, and what a debugger finds. */
function printed(value: unknown): string {
  const out = [inspect(value, { depth: 10, showHidden: true, maxStringLength: null, maxArrayLength: null })]
  for (let link = value; link instanceof Error; link = link.cause as unknown) {
    out.push(String(link), String(link.stack), json((link as { toJSON?: () => unknown }).toJSON?.()))
  }
  return [...out, String(value), json(value), ...strings(value)].join('\n')
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return '' // circular: nothing was printed
  }
}

/** Every string that properties lead to, symbols and hidden ones too. An agent may be walked by nobody. */
function strings(root: unknown): string[] {
  const found: string[] = []
  const seen = new Set<unknown>()
  const walk = (value: unknown, depth: number): void => {
    if (typeof value === 'string') found.push(value)
    if (value === null || !['object', 'function'].includes(typeof value)) return
    if (seen.has(value) || depth > 14 || value instanceof Agent) return
    seen.add(value)
    if (ArrayBuffer.isView(value)) return
    if (value instanceof Map || value instanceof Set) for (const entry of value) walk(entry, depth + 1)
    for (const name of Reflect.ownKeys(value as object)) {
      const property = Object.getOwnPropertyDescriptor(value, name)
      if (property && 'value' in property) walk(property.value, depth + 1)
    }
  }
  walk(root, 0)
  return found
}

type Send = (config?: AxiosRequestConfig) => Promise<unknown>
interface Case extends World {
  readonly api: AxiosInstance
  readonly get: Send
}

const outcomeOf = (call: Promise<unknown>) => call.catch((error: unknown) => error)

const cases: Record<string, (given: Case) => Promise<unknown>> = {
  'a response': ({ get }) => get(),
  'a response after a replay': async ({ get, revokeToken }) => {
    await revokeToken()
    return get()
  },
  'a response stream': async ({ get }) => {
    const response = (await get({ responseType: 'stream' })) as { data: AsyncIterable<unknown> }
    let before = ''
    for await (const _ of response.data) before ||= printed(response)
    return [before, response]
  },
  'a response stream that outgrows maxContentLength': async ({ get, server }) => {
    server.faults.add({ kind: 'oversized', bytes: 200_000, tokens: 'nowhere', path: 'api' })
    const config: AxiosRequestConfig = { responseType: 'stream', maxContentLength: 100_000 }
    const response = (await outcomeOf(get(config))) as { data?: AsyncIterable<unknown> }
    const read = async () => {
      for await (const _ of response.data ?? []);
    }
    return [response, await outcomeOf(read())]
  },
  'a 401 that stands': ({ get, server }) => {
    server.faults.add({ kind: 'unauthenticated', path: 'api', times: 2 })
    return get()
  },
  'a 401 that stands, accepted by validateStatus': ({ get, server }) => {
    server.faults.add({ kind: 'unauthenticated', path: 'api', times: 2 })
    return get({ validateStatus: null })
  },
  'a 500': ({ get, server }) => {
    server.faults.add({ kind: 'status', status: 500, path: 'api' })
    return get()
  },
  'a 500 as a stream': ({ get, server }) => {
    server.faults.add({ kind: 'status', status: 500, path: 'api' })
    return get({ responseType: 'stream' })
  },
  'a reply that is no JSON': ({ get, server }) => {
    server.faults.add({ kind: 'malformed-json', path: 'api' })
    return get({ responseType: 'json', transitional: { silentJSONParsing: false } })
  },
  'a connection that is cut': ({ get, server }) => {
    server.faults.add({ kind: 'cut', at: 'before-reply', path: 'api' })
    return get()
  },
  'a connection that is cut in the body': ({ get, server }) => {
    server.faults.add({ kind: 'cut', at: 'in-body', path: 'api' })
    return get()
  },
  'a timeout of the request': ({ get, server }) => {
    server.faults.add({ kind: 'hang', path: 'api' })
    return get({ timeout: 50 })
  },
  'a timeout of the wait': async ({ get, server, revokeToken }) => {
    await revokeToken()
    server.faults.add({ kind: 'hang' })
    const error = await outcomeOf(get({ timeout: 100 }))
    server.faults.release()
    return error
  },
  'an abort': async ({ get, server }) => {
    const gate = server.gate({ path: 'api' })
    const controller = new AbortController()
    const outcome = outcomeOf(get({ signal: controller.signal }))
    await gate.arrived()
    controller.abort()
    return [await outcome, controller.signal]
  },
  'a cancelled CancelToken': async ({ get, server }) => {
    const gate = server.gate({ path: 'api' })
    const source = axios.CancelToken.source()
    const outcome = outcomeOf(get({ cancelToken: source.token }))
    await gate.arrived()
    source.cancel('enough')
    return [await outcome, source.token]
  },
  'a body that cannot be replayed': async ({ api, revokeToken }) => {
    await revokeToken()
    return api.post('/api/x', Readable.from(['x']))
  },
  'a redirect to another origin that fails': async ({ get, server }) => {
    const elsewhere = await startRecordingApi((_, response) => response.writeHead(500).end())
    server.faults.add({ kind: 'redirect', location: elsewhere.origin, path: 'api' })
    return get()
  },
  'redirects without end': ({ get, server }) => {
    server.faults.add({ kind: 'redirect', location: '/api/x', path: 'api', times: 100 })
    return get()
  },
  'a reply that is too large': ({ get }) => get({ maxContentLength: 1 }),
  'native transport (maxRedirects 0)': ({ get, server }) => {
    server.faults.add({ kind: 'status', status: 500, path: 'api' })
    return get({ maxRedirects: 0 })
  },
}

describe.each(adapters)('no token is found through the %s adapter in', (adapter) => {
  it.each(Object.entries(cases))('%s', async (_, run) => {
    const world = await startWorld()
    const httpAgent = new Agent({ keepAlive: true })
    const api = axios.create({ baseURL: world.server.origin, adapter, httpAgent })
    attachTokens(api, { tokens: world.tokens, grantId: 'agency' })
    const get: Send = (config) => api.get('/api/x', config)
    const outcome = await outcomeOf(run({ ...world, api, get }))
    const text = printed(outcome) + (Array.isArray(outcome) ? outcome.map(printed).join() : '') + printed(api)
    const sent = world.accessTokens()
    expect(sent.length).toBeGreaterThan(0)
    for (const token of sent) expect(text.includes(token)).toBe(false)
    httpAgent.destroy()
  })
})

it('the canary is found where nothing seals: the measure works', async () => {
  const { server, accessTokens } = await startWorld()
  const api = axios.create({
    baseURL: server.origin,
    headers: { Authorization: `Bearer ${accessTokens()[0]}` },
  })
  const { request } = await api.get('/api/x')
  expect(printed({ request })).toContain(accessTokens()[0])
})

it('an agent that is passed prints as its name, also while requests are under way', async () => {
  const { server, tokens, accessTokens } = await startWorld()
  const httpAgent = new Agent({ keepAlive: true })
  const api = axios.create({ baseURL: server.origin, httpAgent })
  attachTokens(api, { tokens, grantId: 'agency' })
  const gate = server.gate({ path: 'api' })
  const underWay = api.get('/api/x')
  await gate.arrived()
  expect(inspect(api.defaults, { depth: 10, showHidden: true })).toContain('httpAgent: [Agent]')
  expect(JSON.stringify(httpAgent)).not.toContain(accessTokens()[0])
  gate.open()
  await underWay
  httpAgent.destroy()
})
