import type { AccessToken } from '@evergrant/core'
import type { AdapterConfig, BeforeRedirect, HeadersLike } from './axios-like.js'
import { originOf, timeoutMessage } from './bare-axios.js'
import type { RequestBody } from './request-body.js'
import type { AskedRequest } from './seal-outcome.js'

/** What became of the token on the way. */
export interface Redirects {
  /** One led to another origin, without it. */
  tokenStrayed: boolean
}

/** The config that the adapter gets, the only one with the token. `timeoutMs` 0: there is none. */
export function privateConfig(
  { config, target }: AskedRequest,
  body: RequestBody,
  token: AccessToken,
  timeoutMs: number,
  redirects: Redirects,
): AdapterConfig {
  const sent = copyOf(config)
  sent.headers = copyHeaders(config.headers)
  for (const name in body.headers) sent.headers.set(name, body.headers[name] as string)
  // Not by `set`, which looks at each header for one of this name: there is none, or this call were not ours.
  sent.headers.Authorization = `Bearer ${token.reveal()}`
  sent.data = body.data
  if (typeof config.adapter !== 'function') {
    // The URL that was judged is the URL that is sent, however this version of axios puts URLs together.
    sent.url = target.href
    sent.baseURL = undefined
    sent.allowAbsoluteUrls = true
  }
  sent.beforeRedirect = keptAtOrigin(target.origin, config.beforeRedirect, redirects)
  if (timeoutMs > 0) {
    sent.timeout = timeoutMs
    sent.timeoutErrorMessage = timeoutMessage(config)
  }
  return sent
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * By a loop, which takes a third of the time of spreading an object without a prototype; and without one as axios'
 * own configs, whose adapters look through the whole chain for each of their options.
 */
function copyOf(config: AdapterConfig): Writable<AdapterConfig> {
  const copy: Record<string, unknown> = Object.create(null)
  for (const name in config) copy[name] = config[name as keyof AdapterConfig]
  return copy as unknown as Writable<AdapterConfig>
}

/** As they are, `false` ("do not send") among them, without a second look at each name. */
function copyHeaders(headers: HeadersLike): HeadersLike {
  return Object.assign(new (headers.constructor as new () => HeadersLike)(), headers)
}

/**
 * A redirect keeps the token within the origin only (older versions of axios also pass it to subdomains), and
 * the application's own `beforeRedirect` does not see it.
 */
function keptAtOrigin(origin: string, own: BeforeRedirect | undefined, redirects: Redirects): BeforeRedirect {
  return (options, response, request) => {
    const { Authorization: carried, rest } = withoutAuthorization(options.headers)
    options.headers = rest
    own?.(options, response, request && { ...request, headers: withoutAuthorization(request.headers).rest })
    if (carried === undefined || originOf(options.href) !== origin) redirects.tokenStrayed = true
    else options.headers = { Authorization: carried, ...options.headers }
  }
}

function withoutAuthorization(headers: Record<string, unknown> = {}): {
  Authorization: unknown
  rest: Record<string, unknown>
} {
  const isIt = ([name]: [string, unknown]): boolean => name.toLowerCase() === 'authorization'
  const entries = Object.entries(headers)
  return { Authorization: entries.find(isIt)?.[1], rest: Object.fromEntries(entries.filter((e) => !isIt(e))) }
}
