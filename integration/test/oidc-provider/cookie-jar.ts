/** One user's cookies at one origin. */
export interface CookieJar {
  /** Takes over what a response sets, and forgets what it lets expire. */
  keep(response: Response): void
  /** The `cookie` header for a request to this path. */
  headerFor(pathname: string): string
}

interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
}

/** @see RFC 6265 sections 5.3 and 5.4: names, paths and expiry, which is what the server here makes use of */
export function createCookieJar(): CookieJar {
  const cookies = new Map<string, Cookie>()
  return {
    keep(response) {
      for (const line of response.headers.getSetCookie()) {
        const [pair = '', ...attributes] = line.split(/;\s*/)
        const attribute = (name: string): string | undefined =>
          attributes.find((each) => each.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1)
        const [name = '', value = ''] = pair.split(/=(.*)/s)
        const path = attribute('path') ?? '/'
        const expires = attribute('expires')
        const key = `${name};${path}`
        if (expires !== undefined && Date.parse(expires) <= Date.now()) cookies.delete(key)
        else cookies.set(key, { name, value, path })
      }
    },
    headerFor(pathname) {
      const fits = ({ path }: Cookie): boolean =>
        path === '/' || pathname === path || pathname.startsWith(`${path}/`)
      return [...cookies.values()]
        .filter(fits)
        .map(({ name, value }) => `${name}=${value}`)
        .join('; ')
    },
  }
}
