import type { AdapterConfig, ResponseLike } from './axios-like.js'
import { isStream, sealedBody } from './response-body.js'
import { placeOf, type Target } from './target.js'

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

/** A request as the application asked for it: `config` never had the token. */
export interface AskedRequest {
  readonly config: AdapterConfig
  readonly target: Target
}

/** Takes everything out of a response through which a sent token could be read. */
export function sealResponse(response: ResponseLike, asked: AskedRequest): ResponseLike {
  const { config } = asked
  response.config = config
  if (response.request) response.request = sentRequest(response.request, asked)
  if (isStream(response.data)) response.data = sealedBody(response.data, (error) => sealError(error, asked))
  return response
}

/** The same for an error and its causes. */
export function sealError(thrown: unknown, asked: AskedRequest): unknown {
  const { config } = asked
  const seen = new Set()
  for (let link = thrown; isObject(link) && !seen.has(link); link = link.cause) {
    seen.add(link)
    if ('config' in link) link.config = config
    if (link.request) link.request = sentRequest(link.request, asked)
    if (isObject(link.response)) sealResponse(link.response as unknown as ResponseLike, asked)
  }
  return thrown
}

function sentRequest(request: unknown, { config, target }: AskedRequest): SentRequest {
  const sent = request as {
    method?: string
    url?: string
    responseURL?: string
    res?: { responseUrl?: string }
  }
  const responseURL = sent.res?.responseUrl ?? sent.responseURL
  const href = responseURL ?? sent.url ?? ''
  const place = href !== target.href && URL.canParse(href) ? placeOf(new URL(href)) : target.place
  const method = (sent.method ?? config.method).toUpperCase()
  const { protocol, host, path } = place
  if (responseURL === undefined) return { method, protocol, host, path }
  return { method, protocol, host, path, responseURL, res: { responseUrl: responseURL } }
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
