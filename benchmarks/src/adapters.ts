import { Agent, request as httpRequest } from 'node:http'
import { attachTokens } from '@evergrant/axios-interceptor'
import { createTokenManager, fetchWithTokens, memoryStore, oauth2Provider } from '@evergrant/core'
import axios from 'axios'
import { createAuthRefresh } from 'axios-auth-refresh'
import type { Measured } from './measured.js'
import { startOwnProcess } from './own-process.js'
import { measureThroughput, type Throughput } from './throughput.js'

const SIZE = { rounds: 30, requests: 500 }
/** Three processes on two cores: twice the rounds for as steady a median. */
const PROXY_SIZE = { rounds: 60, requests: 500 }
/** Aims: requests a second of the adapter over those of the bare client. */
const LEAST = { axiosVsBare: 0.97, fetchVsBare: 0.97, proxyVsPublished: 0.9, proxyPostVsPublished: 0.9 }

const GRANT = 'agency-42'
const POST_BODY = JSON.stringify({
  from: 'DE',
  to: 'KE',
  travellers: [{ nationality: 'DE' }, { nationality: 'AT' }],
})

/**
 * Requests a second through each adapter and through what it is attached to, with a token that is fresh, against a
 * server in another process.
 */
export async function adapters(show: (line: string) => void): Promise<Measured> {
  const api = await startOwnProcess<{ origin: string }>('./api-process.ts')
  const { origin } = api.first
  const proxy = await startOwnProcess<{ origin: string }>('./proxy-process.ts', { api: origin })
  try {
    const throughAxios = await axiosClients(origin)
    const throughFetch = await fetchClients(origin)
    const throughProxy = await proxies(proxy.first.origin)
    const measured = {
      axiosVsBare: report(show, 'Axios', throughAxios, 'ours', 'bare'),
      fetchVsBare: report(show, 'fetch', throughFetch, 'ours', 'bare'),
      proxyVsPublished: report(show, 'proxy, GET, beside httpxy', throughProxy, 'ours', 'published'),
      proxyPostVsPublished: report(
        show,
        'proxy, POST, beside httpxy',
        throughProxy,
        'oursPost',
        'publishedPost',
      ),
    }
    // What nobody could use, and what others add: how much there is to be had at all.
    const floors = {
      proxyVsBare: report(show, 'proxy, GET, beside ten lines', throughProxy, 'ours', 'bare'),
      proxyPostVsBare: report(show, 'proxy, POST, beside ten lines', throughProxy, 'oursPost', 'barePost'),
      axiosVsAuthRefresh: report(
        show,
        'Axios beside axios-auth-refresh',
        throughAxios,
        'ours',
        'axiosAuthRefresh',
      ),
    }
    const problems = Object.entries(measured).flatMap(([name, { median }]) => {
      const least = LEAST[name as keyof typeof LEAST]
      return median < least ? [`${name} is ${median}, the aim is ${least}`] : []
    })
    return {
      ratios: Object.fromEntries(Object.entries(measured).map(([name, ratio]) => [name, ratio.median])),
      results: {
        ...measured,
        ...floors,
        perSecond: {
          axios: throughAxios.perSecond,
          fetch: throughFetch.perSecond,
          proxy: throughProxy.perSecond,
        },
      },
      problems,
    }
  } finally {
    api.child.disconnect()
    proxy.child.disconnect()
  }
}

async function managerFor(origin: string): Promise<ReturnType<typeof createTokenManager>> {
  const tokenEndpoint = `${origin}/token`
  const tokens = createTokenManager({
    provider: oauth2Provider({ id: 'p', clientId: 'c', tokenEndpoint, apiOrigins: [origin] }),
    store: memoryStore(),
  })
  await tokens.saveGrant(GRANT, { access_token: 'access', refresh_token: 'refresh', expires_in: 86_400 })
  return tokens
}

async function axiosClients(origin: string): Promise<Throughput<'bare' | 'ours' | 'axiosAuthRefresh'>> {
  const tokens = await managerFor(origin)
  const headers = { Authorization: 'Bearer access' }
  const client = (own: object): ReturnType<typeof axios.create> =>
    axios.create({ baseURL: origin, httpAgent: new Agent({ keepAlive: true }), ...own })
  const [bare, ours, refreshed] = [client({ headers }), client({}), client({ headers })]
  attachTokens(ours, { tokens, grantId: GRANT })
  // Its types are of the CommonJS axios, which are others.
  createAuthRefresh(refreshed as never, () => Promise.resolve())
  const measured = await measureThroughput(
    {
      bare: () => bare.get('/entries'),
      ours: () => ours.get('/entries'),
      axiosAuthRefresh: () => refreshed.get('/entries'),
    },
    SIZE,
  )
  await tokens.close()
  return measured
}

async function fetchClients(origin: string): Promise<Throughput<'bare' | 'ours'>> {
  const tokens = await managerFor(origin)
  const ours = fetchWithTokens({ tokens, grantId: GRANT })
  const url = `${origin}/entries`
  const headers = { authorization: 'Bearer access' }
  const measured = await measureThroughput(
    {
      bare: async () => (await fetch(url, { headers })).text(),
      ours: async () => (await ours(url)).text(),
    },
    SIZE,
  )
  await tokens.close()
  return measured
}

/** Mounted in `proxy-process.ts` under its name. */
type Proxy = 'bare' | 'ours' | 'published'

async function proxies(origin: string): Promise<Throughput<Proxy | `${Proxy}Post`>> {
  const agent = new Agent({ keepAlive: true })
  const measured = await measureThroughput(
    {
      bare: () => read(`${origin}/bare/entries`, agent),
      ours: () => read(`${origin}/ours/entries`, agent),
      published: () => read(`${origin}/published/entries`, agent),
      barePost: () => read(`${origin}/bare/entries`, agent, POST_BODY),
      oursPost: () => read(`${origin}/ours/entries`, agent, POST_BODY),
      publishedPost: () => read(`${origin}/published/entries`, agent, POST_BODY),
    },
    PROXY_SIZE,
  )
  agent.destroy()
  return measured
}

/** As little as a client can do: what is compared is in another process. */
function read(url: string, agent: Agent, body?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const given =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }
    const call = httpRequest(
      url,
      { agent, method: body === undefined ? 'GET' : 'POST', headers: given },
      (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`${url}: ${answer.statusCode}`))
        answer.resume().once('end', resolve)
      },
    )
    call.once('error', reject).end(body)
  })
}

function report<N extends string>(
  show: (line: string) => void,
  what: string,
  measured: Throughput<N>,
  of: N,
  to: N,
): ReturnType<Throughput<N>['ratio']> {
  const ratio = measured.ratio(of, to)
  const [low, high] = ratio.quartiles
  show(`${what}: ${ratio.median} of ${to} (quartiles ${low} and ${high})`)
  return ratio
}
