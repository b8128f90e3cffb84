import type { ErrorRequestHandler, Express } from 'express'
import { describe, expect, it } from 'vitest'
import { type ConnectRoutesOptions, connectRoutes } from '../src/index.js'
import { type Answer, get, serve, startWorld, versions, type World, type WorldOptions } from './world.js'

const secret = 'not a secret, but long enough for a test'

/** A browser: keeps cookies, follows nothing by itself. */
function createBrowser(accept = 'text/html') {
  const cookies = new Map<string, string>()
  return {
    cookies,
    async open(url: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const answer = await get(url, { method, headers: { accept, ...(cookie && { cookie }), ...headers } })
      for (const setCookie of answer.headers['set-cookie'] ?? []) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(setCookie) ?? []
        if (setCookie.includes('Max-Age=0')) cookies.delete(name)
        else cookies.set(name, value)
      }
      return answer
    },
  }
}

describe.each(versions)('through %s', (_, express) => {
  interface Site {
    readonly world: World
    readonly origin: string
    /** What the application was left to handle. */
    readonly errors: readonly unknown[]
    /** Answers that are over, or whose client has left. */
    closed(): number
  }

  async function site(options: Partial<ConnectRoutesOptions> = {}, with_: WorldOptions = {}): Promise<Site> {
    const world = await startWorld(with_)
    const app: Express = express()
    let routes: ReturnType<typeof connectRoutes> | undefined
    let closed = 0
    const errors: unknown[] = []
    app.use('/connect', (req, res, next) => {
      res.on('close', () => {
        closed += 1
      })
      routes?.(req, res, next)
    })
    app.use('/connect', (_req, res) => void res.status(404).end('not ours'))
    const last: ErrorRequestHandler = (error, _req, res, _next) => {
      errors.push(error)
      res.status(500).end()
    }
    app.use(last)
    const origin = await serve(app)
    const redirectUri = `${origin}/connect/callback`
    routes = connectRoutes({ tokens: world.tokens, grantId: 'agency-7', redirectUri, secret, ...options })
    return { world, origin, errors, closed: () => closed }
  }

  /** Begins, consents, and gives the address of the callback. */
  async function consented({ origin }: Site, browser = createBrowser(), query = ''): Promise<string> {
    const begun = await browser.open(`${origin}/connect${query}`)
    expect(begun.status).toBe(302)
    const provider = await get(String(begun.headers.location))
    return String(provider.headers.location)
  }

  it('who comes from another site is asked first', async () => {
    const here = await site()
    const browser = createBrowser()
    const crossSite = { 'sec-fetch-site': 'cross-site' }
    const asked = await browser.open(`${here.origin}/connect?returnTo=/x`, 'GET', crossSite)
    expect(asked.status).toBe(403)
    expect(asked.text).toContain('<a href="?returnTo=%2Fx">Connect</a>')
    const elsewhere = await browser.open(
      `${here.origin}/connect?returnTo=https://evil.example`,
      'GET',
      crossSite,
    )
    expect(elsewhere.text).toContain('<a href="?">Connect</a>')
    expect(browser.cookies.size).toBe(0)
    // The provider, too, is another site, and the browser says so.
    const back = await consented(here, browser)
    expect((await browser.open(back, 'GET', crossSite)).status).toBe(303)
    const program = await createBrowser('application/json').open(`${here.origin}/connect`, 'GET', crossSite)
    expect(JSON.parse(program.text)).toMatchObject({ code: 'connect_from_elsewhere' })
  })

  it('pages of an allowed origin lead to the beginning unasked', async () => {
    const here = await site({ allowedOrigins: ['https://app.example.com'] })
    const from = (referer: string) =>
      createBrowser().open(`${here.origin}/connect`, 'GET', { 'sec-fetch-site': 'same-site', referer })
    expect((await from('https://app.example.com/settings')).status).toBe(302)
    expect((await from('https://other.example.com/')).status).toBe(403)
    expect((await from('')).status).toBe(403)
  })

  it('a flow under way outlives the marks of those that ended', async () => {
    const here = await site()
    const browser = createBrowser()
    const slow = await consented(here, browser)
    for (let other = 0; other < 4; other++) await browser.open(await consented(here, browser))
    expect((await browser.open(slow)).status).toBe(303)
  })

  it('a session with `null` for nobody: asked to sign in, and no flow is spent for it', async () => {
    let who: string | null = 'agency-7'
    const here = await site({ grantId: () => who as string })
    const browser = createBrowser()
    const back = await consented(here, browser)
    who = null
    expect((await browser.open(`${here.origin}/connect`)).status).toBe(401)
    expect((await browser.open(back)).status).toBe(303)
  })

  it('connects, and goes back to where the user came from', async () => {
    const here = await site()
    const browser = createBrowser()
    const callback = await consented(here, browser, '?returnTo=%2Fsettings%3Ftab%3D2')
    const answer = await browser.open(callback)
    expect(answer).toMatchObject({ status: 303, headers: { location: '/settings?tab=2' } })
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['referrer-policy']).toBe('no-referrer')
    expect((await here.world.tokens.status('agency-7'))?.state).toBe('live')
  })

  it.each(['//evil.example', 'https://evil.example', '/\\evil.example', '/.//evil.example', ''])(
    'does not go to %j',
    async (returnTo) => {
      const here = await site({ defaultReturnTo: '/home' })
      const browser = createBrowser()
      const callback = await consented(here, browser, `?returnTo=${encodeURIComponent(returnTo)}`)
      expect((await browser.open(callback)).headers.location).toBe('/home')
      const twice = await consented(here, browser, '?returnTo=/a&returnTo=/b')
      expect((await browser.open(twice)).headers.location).toBe('/home')
    },
  )

  it.each([
    ['text/html', 'text/html; charset=utf-8'],
    ['application/json', 'application/problem+json'],
    ['*/*', 'application/problem+json'],
  ])('says what went wrong, to who accepts %s', async (accept, type) => {
    const here = await site()
    const browser = createBrowser(accept)
    const callback = await consented(here, browser)
    const told = async (url: string, by = browser): Promise<[number, string, string]> => {
      const { status, headers, text } = await by.open(url)
      expect(headers['content-type']).toBe(type)
      expect(text).not.toContain(new URL(callback).searchParams.get('code'))
      return [status, String(headers['referrer-policy']), text]
    }
    expect(await told(callback, createBrowser(accept))).toEqual([
      400,
      'no-referrer',
      expect.stringContaining('This was not begun here'),
    ])
    expect((await browser.open(callback)).status).toBe(303)
    expect(await told(callback)).toEqual([400, 'no-referrer', expect.stringContaining('already used')])
    here.world.server.configure({ consent: 'deny' })
    const denied = await consented(here, browser, '?returnTo=/a%3Cb')
    expect(await told(denied)).toEqual([403, 'no-referrer', expect.stringContaining('Not connected')])
    here.world.server.configure({ consent: 'approve' })
    here.world.server.faults.add({ kind: 'throttled', retryAfterMs: 5_000, path: 'token' })
    const limited = await browser.open(await consented(here, browser))
    expect(limited).toMatchObject({ status: 503, headers: { 'content-type': type } })
    expect(limited.headers['retry-after']).toMatch(/^[1-5]$/)
  })

  it('a user who took too long hears that', async () => {
    let nowMs = Date.now()
    const clock = {
      now: () => nowMs,
      monotonic: () => 0,
      setTimeout: () => undefined,
      clearTimeout: () => {},
    }
    const here = await site({ clock, lifetimeMs: 60_000 })
    const browser = createBrowser('application/json')
    const callback = await consented(here, browser)
    nowMs += 60_000
    const answer = await browser.open(callback)
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'connect_expired', connect: '/connect/' })
  })

  it('a page has nothing from elsewhere and links that stay here', async () => {
    const here = await site()
    here.world.server.configure({ consent: 'deny' })
    const browser = createBrowser()
    const { text, headers } = await browser.open(await consented(here, browser, "?returnTo=/a'b%26c"))
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    )
    expect(text).toContain('<a href="/connect/">Connect again</a>')
    expect(text).toContain('<a href="/a&#39;b&#38;c">Back</a>')
    expect(text).not.toMatch(/src=|http/)
  })

  it('a callback that fails somewhere else ends as that', async () => {
    const here = await site({
      grantId: (req) => {
        if (req.path === '/callback') throw new Error('session is gone')
        return 'agency-7'
      },
    })
    const browser = createBrowser()
    expect((await browser.open(await consented(here, browser))).status).toBe(500)
  })

  it('whose session it is at the callback decides, if there is one', async () => {
    let user: string | undefined = 'agency-7'
    const here = await site({ grantId: () => user })
    const browser = createBrowser('application/json')
    const callback = await consented(here, browser)
    user = 'somebody-else'
    expect(JSON.parse((await browser.open(callback)).text)).toMatchObject({ code: 'connect_forged' })
    user = 'agency-7'
    const strict = await consented(here, browser)
    user = undefined
    expect((await browser.open(strict)).status).toBe(303)
    const nobody = await browser.open(`${here.origin}/connect`)
    expect(nobody.status).toBe(401)
    expect(JSON.parse(nobody.text)).toMatchObject({ code: 'connect_without_session' })
  })

  it('disconnects with revocation: only by POST, and not for another site', async () => {
    const here = await site({ afterDisconnect: '/bye', allowedOrigins: ['https://friend.example'] })
    const { world, origin } = here
    const browser = createBrowser()
    await browser.open(await consented(here, browser))
    const disconnect = `${origin}/connect/disconnect`
    expect(await browser.open(disconnect)).toMatchObject({ status: 405, headers: { allow: 'POST' } })
    for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }])
      expect(await browser.open(disconnect, 'POST', headers)).toMatchObject({ status: 403 })
    expect(await world.tokens.status('agency-7')).toBeDefined()
    const own = { origin, 'sec-fetch-site': 'same-origin' }
    expect(await browser.open(disconnect, 'POST', own)).toMatchObject({
      status: 303,
      headers: { location: '/bye' },
    })
    expect(await world.tokens.status('agency-7')).toBeUndefined()
    expect(world.server.ledger.familiesRevoked('revocation-endpoint')).toHaveLength(1)
    const json = createBrowser('application/json')
    const again = await json.open(disconnect, 'POST', { origin: 'https://friend.example' })
    expect(JSON.parse(again.text)).toEqual({ removed: false, atProvider: 'unsupported' })
  })

  it('other paths and methods are not its own', async () => {
    const { origin } = await site()
    const browser = createBrowser()
    for (const path of ['/connect/other', '/connect/callback/deeper', '/connect/toString'])
      expect(await browser.open(origin + path)).toMatchObject({ status: 404, text: 'not ours' })
    for (const path of ['/connect', '/connect/', '/connect/callback', '/connect/callback/'])
      expect(await browser.open(origin + path, 'HEAD')).toMatchObject({ status: 405 })
  })

  it('a client that leaves during the exchange does not end it', async () => {
    const here = await site()
    const browser = createBrowser()
    const callback = await consented(here, browser)
    const before = here.closed()
    const gate = here.world.server.gate()
    const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ')
    const leaving = new AbortController()
    const call = fetch(callback, { headers: { cookie }, signal: leaving.signal, redirect: 'manual' })
    await gate.arrived()
    leaving.abort()
    await expect(call).rejects.toThrow()
    await expect.poll(() => here.closed()).toBe(before + 1)
    gate.open()
    await here.world.tokens.close()
    expect(here.world.server.ledger.tokenRequests({ decision: 'issued' })).toHaveLength(1)
    expect(here.errors).toEqual([])
  })
})

it('a mount path from the request does not become a link', async () => {
  const { default: express } = await import('express')
  const { tokens, server } = await startWorld({ behaviour: { consent: 'deny' } })
  const app = express()
  const redirectUri = `${server.origin}/callback`
  app.use('/:tenant/connect', connectRoutes({ tokens, grantId: 'agency', redirectUri, secret }))
  const origin = await serve(app)
  const path = '/%22%3E%3Cscript%3E/connect/callback'
  const html = await get(origin, { path, headers: { accept: 'text/html' } })
  expect(html.status).toBe(400)
  expect(html.text).not.toMatch(/script|Connect again/)
  const json = await get(origin, { path, headers: { accept: 'application/json' } })
  expect(JSON.parse(json.text).connect).toBeUndefined()
})
