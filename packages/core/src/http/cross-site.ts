/** What of a request's headers tells where it comes from, names in lower case. */
export interface SiteHeaders {
  readonly origin?: string | undefined
  readonly host?: string | undefined
  readonly referer?: string | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
}

/**
 * Whether another site may have made the user's browser send this request, cookies and all. Asks what scripts cannot
 * forge: `Sec-Fetch-Site`, which every current browser sends over https and to loopback, else `Origin`. A request with
 * neither is not a current browser's; it has no cookies but its own.
 *
 * Sibling subdomains count as other sites. `allowedOrigins` are as good as our own.
 *
 * @see https://www.w3.org/TR/fetch-metadata/
 */
export function isCrossSite(headers: SiteHeaders, allowedOrigins: ReadonlySet<string>): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers
  if (origin !== undefined && allowedOrigins.has(origin)) return false
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host)
}

/**
 * The same for a navigation, which tells where it comes from in `Referer` only: another site can leave that out, but not
 * write another one's there.
 */
export function isCrossSiteNavigation(headers: SiteHeaders, allowedOrigins: ReadonlySet<string>): boolean {
  const { referer = '' } = headers
  const from = URL.canParse(referer) ? new URL(referer).origin : undefined
  return isCrossSite({ ...headers, origin: headers.origin ?? from }, allowedOrigins)
}
