import type { IncomingMessage } from 'node:http'

/**
 * Whether another site may have made the user's browser send this request, cookies and all. Asks what scripts cannot
 * forge: `Sec-Fetch-Site`, which every current browser sends over https and to loopback, else `Origin`. A request with
 * neither is not a current browser's; it has no cookies but its own.
 *
 * Sibling subdomains count as other sites. `allowedOrigins` are as good as our own.
 *
 * @see https://www.w3.org/TR/fetch-metadata/
 */
export function isCrossSite({ headers }: IncomingMessage, allowedOrigins: ReadonlySet<string>): boolean {
  const { origin, host } = headers
  if (origin !== undefined && allowedOrigins.has(origin)) return false
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  if (origin === undefined) return false
  return !URL.canParse(origin) || new URL(origin).host !== host
}
