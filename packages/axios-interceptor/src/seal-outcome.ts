import type { AdapterConfig, ResponseLike } from './axios-like.js'
import { sealedBody } from './response-body.js'

/** What stands in for `request`, whose own object holds the headers as they were sent. */
interface SentRequest {
  readonly method: string
  readonly protocol: string
  readonly host: string
  readonly path: string
  /** After redirects; absent where the adapter does not tell. */
  readonly responseURL?: string
  readonly res?: { readonly responseUrl: string }
}

/** Takes everything out of a response or an error through which a sent token could be read. */
export interface Seal {
  response(response: ResponseLike): ResponseLike
  error(error: unknown): unknown
}

/** A seal for one request: `config` is the application's, which never had the token. */
export function sealFor(config: AdapterConfig, url: URL): Seal {
  function response(sealed: ResponseLike): ResponseLike {
    if (sealed.config === config) return sealed
    sealed.config = config
    if (sealed.request) sealed.request = sentRequest(sealed.request)
    sealed.data = sealedBody(sealed.data, error)
    return sealed
  }

  function error(thrown: unknown): unknown {
    const seen = new Set()
    for (let link = thrown; isObject(link) && !seen.has(link); link = link.cause) {
      seen.add(link)
      if ('config' in link) link.config = config
      if (link.request) link.request = sentRequest(link.request)
      if (isObject(link.response)) response(link.response as unknown as ResponseLike)
    }
    return thrown
  }

  function sentRequest(request: unknown): SentRequest {
    const sent = request as {
      method?: string
      url?: string
      responseURL?: string
      res?: { responseUrl?: string }
    }
    const responseURL = sent.res?.responseUrl ?? sent.responseURL
    const target = responseURL ?? sent.url ?? ''
    const { protocol, host, pathname, search } =
      target !== url.href && URL.canParse(target) ? new URL(target) : url
    const method = (sent.method ?? config.method ?? 'get').toUpperCase()
    const ended = responseURL === undefined ? {} : { responseURL, res: { responseUrl: responseURL } }
    return { method, protocol, host, path: pathname + search, ...ended }
  }

  return { response, error }
}

/**
 * Makes the connection pools that the application passed print as their name: Node keeps the headers of each
 * open and each idle connection's last request on its socket, and the config leads there.
 */
export function coverPools({ httpAgent, httpsAgent, fetchOptions }: AdapterConfig): void {
  for (const pool of [httpAgent, httpsAgent, fetchOptions?.dispatcher]) {
    if (!isObject(pool) || !Object.isExtensible(pool) || Object.hasOwn(pool, inspect)) continue
    const describe = {
      value: () => `[${pool.constructor?.name ?? 'Agent'}]`,
      configurable: true,
      writable: true,
    }
    Object.defineProperties(pool, { [inspect]: describe, toJSON: describe })
  }
}

const inspect = Symbol.for('nodejs.util.inspect.custom')

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
