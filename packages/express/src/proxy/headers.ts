/** Names that mean something between two neighbours only (RFC 9110 section 7.6.1); framing is made anew. */
const HOP_BY_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/**
 * Not passed to the API: whose they are (host, credentials), what Node answers itself (expect), our site's affairs
 * (origin, referer, fetch metadata, tokens against forged requests), and what claims to come from proxies: where a
 * request came from, that another path or host was meant, or who the user is (Cloudflare Access, AWS load balancers,
 * oauth2-proxy, Azure App Service, Google IAP).
 */
const NOT_IN = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'expect',
  'authorization',
  'cookie',
  'cookie2',
  'origin',
  'referer',
  'forwarded',
  'via',
  'x-rewrite-url',
  'x-host',
  'x-http-host-override',
  'x-authorization',
  'dpop',
  'http2-settings',
  'csrf-token',
  'x-csrf-token',
  'xsrf-token',
  'x-xsrf-token',
])
const NOT_IN_PREFIX = new RegExp(
  `^(${[
    'proxy-|sec-',
    // Where it came from, and which path or host was meant.
    'x-forwarded|x-original-|x-originating-|x-envoy-|x-real-ip|client-ip|x-azure-(client|socket)ip',
    '(x-|true-|fastly-|cf-)(cluster-|connecting-)?(client-)?ip(v6)?$',
    // Who the user is, as proxies with a log-in and mutual TLS say it.
    'remote-|x-remote-|x-webauth-|x-authenticated-|x-authentik-|x-auth-request-|x-vouch-|x-pomerium-|tailscale-user-',
    'cf-access-|x-amzn-oidc-|x-ms-token-|x-ms-client-principal|x-goog-iap-|x-goog-authenticated-user-|x-appengine-user-',
    '(x-)?(ssl-)?client-cert|(x-)?ssl-client',
  ].join('|')})`,
)

/**
 * Not passed to the browser: credentials and requests for them, cookies, and what would act on our whole site, because
 * the browser takes the answer for one of ours. Locations are translated, caching is decided elsewhere.
 */
const NOT_OUT = new Set([
  ...HOP_BY_HOP,
  'authorization',
  'authentication-info',
  'www-authenticate',
  'set-cookie',
  'set-cookie2',
  'location',
  'content-location',
  'refresh',
  'cache-control',
  'pragma',
  'expires',
  'surrogate-control',
  'strict-transport-security',
  'public-key-pins',
  'expect-ct',
  'alt-svc',
  'clear-site-data',
  'service-worker-allowed',
  'content-security-policy',
  'content-security-policy-report-only',
  'x-content-type-options',
  'report-to',
  'reporting-endpoints',
  'nel',
  'origin-agent-cluster',
  'origin-trial',
  'accept-ch',
  'critical-ch',
  'sourcemap',
  'x-sourcemap',
  'x-accel-redirect',
  'x-sendfile',
  'x-lighttpd-send-file',
  'edge-control',
  'set-login',
  'sec-session-registration',
  'secure-session-registration',
  'speculation-rules',
  'use-as-dictionary',
])
const NOT_OUT_PREFIX =
  /^(access-control-|cross-origin-|attribution-reporting-|x-accel-|x-litespeed-|x-reproxy-|proxy-)|cdn-cache-control$/

/** Flat pairs of names and values, as Node has them in `rawHeaders`: keeps order and repetitions. */
export type RawHeaders = readonly string[]

/**
 * The headers of a request that the API gets, `Host` first. Names with underscores are dropped: some servers confuse
 * them with hyphens.
 */
export function headersIn(raw: RawHeaders, host: string): string[] {
  const kept = ['Host', host]
  const nominated = nominatedBy(raw)
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    const dropped = NOT_IN.has(name) || NOT_IN_PREFIX.test(name) || name.includes('_') || nominated?.has(name)
    if (!dropped) kept.push(raw[i]!, raw[i + 1]!)
  }
  return kept
}

/** What an answer's headers say: some are passed on as they are, some are for us to decide. */
export interface HeadersOut {
  readonly kept: string[]
  location: string | undefined
  contentLocation: string | undefined
  cacheControl: string | undefined
  transferEncoding: string | undefined
}

/** The headers of an answer that the browser gets: none of those above, and none that quotes the token. */
export function headersOut(raw: RawHeaders, token: string): HeadersOut {
  const out: HeadersOut = {
    kept: [],
    location: undefined,
    contentLocation: undefined,
    cacheControl: undefined,
    transferEncoding: undefined,
  }
  const nominated = nominatedBy(raw)
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    const value = raw[i + 1]!
    if (name === 'location') out.location ??= value
    else if (name === 'content-location') out.contentLocation ??= value
    else if (name === 'cache-control') out.cacheControl = joined(out.cacheControl, value)
    else if (name === 'transfer-encoding') out.transferEncoding = joined(out.transferEncoding, value)
    const dropped = NOT_OUT.has(name) || NOT_OUT_PREFIX.test(name) || nominated?.has(name)
    if (!dropped && !quotes(value, token)) out.kept.push(raw[i]!, value)
  }
  return out
}

/** Whether the token, as it is or as URLs have it, is part of a header's value. */
export function quotes(value: string, token: string): boolean {
  if (value.length < token.length) return false
  return value.includes(token) || (value.includes('%') && value.includes(encodeURIComponent(token)))
}

/** What a list header says altogether when it is repeated. */
function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`
}

/** Names that `Connection` adds to the hop-by-hop headers. */
function nominatedBy(raw: RawHeaders): Set<string> | undefined {
  let nominated: Set<string> | undefined
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]!.length !== 'connection'.length || raw[i]!.toLowerCase() !== 'connection') continue
    // What nearly always stands there names nothing that would pass.
    if (/^(keep-alive|close)$/i.test(raw[i + 1]!)) continue
    nominated ??= new Set()
    for (const name of raw[i + 1]!.split(',')) nominated.add(name.trim().toLowerCase())
  }
  return nominated
}

/**
 * What caches may do with an answer. Our site's cookie chose the grant, and caches between us and the browser do not
 * see that a token was sent: no shared cache may keep it, whatever the API allows.
 *
 * @see RFC 9111 sections 3.5 and 5.2.2.7
 */
export function cacheControlOut(given: string | undefined): string {
  if (given === undefined || given.trim() === '') return 'private, no-cache'
  const kept = given.split(',').map((directive) => directive.trim())
  if (kept.some((directive) => directive.toLowerCase() === 'no-store')) return 'no-store'
  const shared = /^(public|private|s-maxage|proxy-revalidate|must-understand)(=|$)/i
  return ['private', ...kept.filter((directive) => directive !== '' && !shared.test(directive))].join(', ')
}
