import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { EvergrantError } from '@evergrant/core'
import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  Module,
  UseGuards,
  VersioningType,
} from '@nestjs/common'
import { Test } from '@nestjs/testing'
import { describe, expect, it } from 'vitest'
import {
  type EvergrantConnectExtras,
  EvergrantConnectModule,
  type EvergrantConnectOptions,
  type EvergrantConnectOptionsFactory,
  EvergrantModule,
} from '../src/index.js'
import { type Platform, platformNames, recordingLogger, startApp, startWorld, type World } from './world.js'

const secret = 'a secret of at least thirty-two characters'
const redirectUri = 'http://127.0.0.1:1/connect/callback'
const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

/** A browser without its screen: keeps cookies, follows no redirect by itself. */
function browser(origin: string, account: string | undefined = 'agency') {
  const jar = new Map<string, string>()
  return {
    jar,
    async go(url: string, init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {}) {
      const cookie = [...jar].map((pair) => pair.join('=')).join('; ')
      const headers = { ...(account && { 'x-account': account }), ...(cookie && { cookie }), ...init.headers }
      const response = await fetch(new URL(url, origin), { redirect: 'manual', ...init, headers })
      for (const line of response.headers.getSetCookie()) {
        const [name = '', ...value] = (line.split(';')[0] ?? '').split('=')
        jar.set(name, value.join('='))
      }
      return response
    },
  }
}

const accountOf = ({ context }: { readonly context: ExecutionContext }) =>
  context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>().headers['x-account']

interface Started extends EvergrantConnectExtras, Partial<EvergrantConnectOptions> {}

async function start(platform: Platform, options: Started = {}, world?: World) {
  const { server, options: manager, elsewhere, secrets } = world ?? (await startWorld())
  await elsewhere.revoke('agency')
  const { url, logged, app } = await startApp(platform, {
    imports: [
      EvergrantModule.forRoot({ ...manager, grantId: accountOf, connectUrl: '/connect' }),
      EvergrantConnectModule.forRoot({ redirectUri, secret, ...options }),
    ],
  })
  /** At the provider, which consents at once, and back to the path it sends the browser to. */
  const consent = async (location: string | null) => {
    const response = await fetch(location ?? '', { redirect: 'manual' })
    const { pathname, search } = new URL(response.headers.get('location') ?? '')
    return pathname + search
  }
  return { server, elsewhere, url, logged, app, consent, secrets }
}

describe.each(platformNames)('connect routes on %s', (platform) => {
  it('connect an account, bring the user back, and disconnect it with revocation', async () => {
    const world = await startWorld()
    const { revocationEndpoint } = world.server
    const options = { ...world.options, provider: { ...world.options.provider, revocationEndpoint } }
    const { url, consent, elsewhere, server } = await start(platform, {}, { ...world, options })
    const { go } = browser(url)
    const begun = await go('/connect?returnTo=/settings')
    expect(begun.status).toBe(302)
    expect(begun.headers.get('cache-control')).toBe('no-store')
    expect(begun.headers.get('location')).toContain(`${server.authorizationEndpoint}?`)
    const back = await consent(begun.headers.get('location'))
    const connected = await go(back)
    expect(connected.status).toBe(303)
    expect(connected.headers.get('location')).toBe('/settings')
    expect(connected.headers.get('referrer-policy')).toBe('no-referrer')
    const token = await elsewhere.getAccessToken('agency')
    const family = server.familyOf(token.reveal())

    const gone = await go('/connect/disconnect', { method: 'POST' })
    expect(gone.status).toBe(200)
    expect(await gone.json()).toEqual({ removed: true, atProvider: 'revoked' })
    expect(await elsewhere.status('agency')).toBeUndefined()
    expect(server.ledger.familiesRevoked().map((revoked) => revoked.family)).toContain(family)
  })

  it('ask who comes from another site first, and let nothing that looks ahead spend a code', async () => {
    const { url, consent } = await start(platform)
    const { go } = browser(url)
    const crossSite = { ...html, 'sec-fetch-site': 'cross-site' }
    const asked = await go('/connect?returnTo=/x', { headers: crossSite })
    expect(asked.status).toBe(403)
    expect(await asked.text()).toContain('<a href="?returnTo=%2Fx">Connect</a>')
    expect((await go('/connect', { method: 'HEAD' })).status).toBe(405)
    const back = await consent((await go('/connect')).headers.get('location'))
    expect((await go(back, { method: 'HEAD' })).status).toBe(405)
    expect((await go(back, { headers: crossSite })).status).toBe(303)
  })

  it('are found whatever version the other routes have', async () => {
    const { options, elsewhere } = await startWorld()
    await elsewhere.revoke('agency')
    const { url } = await startApp(
      platform,
      {
        imports: [
          EvergrantModule.forRoot({ ...options, grantId: accountOf }),
          EvergrantConnectModule.forRoot({ redirectUri, secret }),
        ],
      },
      undefined,
      (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'x-v', defaultVersion: '1' }),
    )
    expect((await browser(url).go('/connect')).status).toBe(302)
  })

  it('keep the cookies that others have set on the answer', async () => {
    const { url } = await start(platform)
    const begun = await browser(url).go('/connect')
    const cookies = begun.headers.getSetCookie()
    expect(cookies.filter((cookie) => cookie.startsWith('evergrant-connect.'))).toHaveLength(1)
    expect(cookies[0]).toMatch(/HttpOnly; SameSite=Lax/)
  })

  it('send a browser on after it disconnected, to the path that is set', async () => {
    const { url } = await start(platform, { afterDisconnect: '/settings' })
    const response = await browser(url).go('/connect/disconnect', { method: 'POST', headers: html })
    expect([response.status, response.headers.get('location')]).toEqual([303, '/settings'])
  })

  it.each([
    ['//evil.example', '/'],
    ['https://evil.example/', '/'],
    ['/ok?x=1', '/ok?x=1'],
  ])('do not lead elsewhere: returnTo %s', async (returnTo, location) => {
    const { url, consent } = await start(platform)
    const { go } = browser(url)
    const begun = await go(`/connect?returnTo=${encodeURIComponent(returnTo)}`)
    expect((await go(await consent(begun.headers.get('location')))).headers.get('location')).toBe(location)
    expect((await go('/connect?returnTo=/a&returnTo=/b')).status).toBe(302)
  })

  it.each([
    ['a page', html, 'text/html'],
    ['problem details', { accept: 'application/json' }, 'application/problem+json'],
  ])('tell what went wrong as %s', async (_, headers, type) => {
    const { url, consent, server, secrets } = await start(platform)
    const { go, jar } = browser(url)
    const ended = async (path: string, who = go) => {
      const response = await who(path, { headers })
      expect(response.headers.get('content-type')).toContain(type)
      expect(response.headers.get('cache-control')).toBe('no-store')
      const text = await response.text()
      const code = new URL(path, url).searchParams.get('code')
      if (code) expect(text).not.toContain(code)
      for (const one of secrets()) expect(text).not.toContain(one)
      expect(text).toContain('/connect')
      return [response.status, text] as const
    }
    const begin = async () => consent((await go('/connect?returnTo=/here')).headers.get('location'))

    server.configure({ consent: 'deny' })
    expect(await ended(await begin())).toEqual([403, expect.stringMatching(/Not connected/)])
    server.configure({ consent: 'approve' })

    const stolen = await begin()
    expect(await ended(stolen, browser(url).go)).toEqual([400, expect.stringMatching(/not begun here/)])
    expect(await ended('/connect/callback')).toEqual([400, expect.stringMatching(/not begun here/)])

    await go(stolen)
    expect(await ended(stolen)).toEqual([400, expect.stringMatching(/already used/)])

    server.faults.add({ kind: 'status', status: 503, retryAfterMs: 3_000, retryAfterFormat: 'seconds' })
    const [status, text] = await ended(await begin())
    expect(status).toBeGreaterThanOrEqual(500)
    expect(text).toMatch(/provider/)
    expect(jar.size).toBeGreaterThan(0)
  })

  it('tell that it took too long, and where to go back to', async () => {
    let nowMs = Date.now()
    const clock = { now: () => nowMs, monotonic: () => nowMs, setTimeout, clearTimeout }
    const { url, consent } = await start(platform, { lifetimeMs: 1_000, clock: clock as never })
    const { go } = browser(url)
    const back = await consent((await go('/connect?returnTo=/%3Cscript%3E"\'')).headers.get('location'))
    nowMs += 1_500
    const page = await (await go(back, { headers: html })).text()
    expect(page).toContain('took too long')
    expect(page).toContain('href="/connect"')
    expect(page).not.toMatch(/<script|"'/)
  })

  it('refuse the callback of a flow that was begun for another session', async () => {
    const { url, consent } = await start(platform)
    const victim = browser(url)
    const back = await consent((await victim.go('/connect')).headers.get('location'))
    const response = await victim.go(back, { headers: { 'x-account': 'other' } })
    expect(await response.json()).toMatchObject({ code: 'connect_forged', status: 400, connect: '/connect' })
  })

  it('complete for a browser whose session does not come along', async () => {
    const { url, consent, elsewhere } = await start(platform)
    const { go, jar } = browser(url)
    const back = await consent((await go('/connect')).headers.get('location'))
    const sessionless = browser(url, '')
    for (const [name, value] of jar) sessionless.jar.set(name, value)
    expect((await sessionless.go(back)).status).toBe(303)
    expect(await elsewhere.status('agency')).toMatchObject({ state: 'live' })
  })

  it('begin and disconnect for nobody: 401 that says to sign in, not to connect', async () => {
    const { url, logged } = await start(platform)
    const { go } = browser(url, '')
    for (const response of [await go('/connect'), await go('/connect/disconnect', { method: 'POST' })]) {
      const answer = await response.json()
      expect(answer).toMatchObject({ status: 401, code: 'connect_without_session' })
      expect(answer).not.toHaveProperty('connect')
    }
    const page = await go('/connect', { headers: html })
    expect([page.status, await page.text()]).toEqual([401, expect.not.stringContaining('href')])
    expect(logged()).toBe('')
  })

  it('answer a program that does not say what it accepts as a program', async () => {
    const { url } = await start(platform)
    // Not by `fetch`, which always says so.
    const [response] = (await once(request(`${url}/connect`).end(), 'response')) as [IncomingMessage]
    expect(response.headers['content-type']).toContain('application/problem+json')
    expect(await json(response)).toMatchObject({ status: 401, code: 'connect_without_session' })
  })

  it('say when to try again', async () => {
    const { url, consent, server } = await start(platform)
    const { go } = browser(url)
    const back = await consent((await go('/connect')).headers.get('location'))
    server.faults.add({ kind: 'throttled', retryAfterMs: 90_000, retryAfterFormat: 'seconds' })
    const page = await go(back, { headers: html })
    expect(page.status).toBe(503)
    expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(60)
  })

  it('make no link of an address that is not plainly theirs', async () => {
    const { url } = await start(platform, { path: ':tenant/connect' })
    const { go } = browser(url)
    const strange = await go('/%2F%2Fevil.example/connect/callback', { headers: html })
    expect([strange.status, await strange.text()]).toEqual([400, expect.not.stringContaining('href')])
    expect(await (await go('/%2F%2Fevil.example/connect/callback')).json()).not.toHaveProperty('connect')
    expect(await (await go('/acme/connect/callback')).json()).toMatchObject({ connect: '/acme/connect' })
  })

  it.each([
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{ 'sec-fetch-site': 'none' }, 200],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }, 200],
    [{}, 200],
  ])('another site cannot disconnect: %j %i', async (headers, status) => {
    const { url } = await start(platform, { allowedOrigins: ['https://app.example'] })
    const response = await browser(url).go('/connect/disconnect', { method: 'POST', headers })
    expect(response.status).toBe(status)
    if (status === 403) expect(await response.json()).toMatchObject({ code: 'cross_site' })
  })

  it('a request of this origin may disconnect, by Origin alone', async () => {
    const { url } = await start(platform)
    const response = await browser(url).go('/connect/disconnect', {
      method: 'POST',
      headers: { origin: url },
    })
    expect(response.status).toBe(200)
  })

  it('are where they are put, with the decorators they are given, under a prefix', async () => {
    @Injectable()
    class Nobody implements CanActivate {
      canActivate = () => false
    }
    const open = await start(platform, { path: '/accounts/api' })
    const { go } = browser(open.url)
    const back = await open.consent((await go('/accounts/api')).headers.get('location'))
    const moved = back.replace('/connect/', '/accounts/api/')
    expect((await go(moved)).status).toBe(303)
    expect(await (await go(moved, { headers: {} })).json()).toMatchObject({ connect: '/accounts/api' })
    expect((await go('/connect')).status).toBe(404)
    const shut = await start(platform, { decorators: [UseGuards(Nobody)] })
    expect((await browser(shut.url).go('/connect')).status).toBe(403)
  })

  it('at the root of a site lead back to it', async () => {
    const { url } = await start(platform, { path: '/' })
    const { go } = browser(url)
    expect(await (await go('/callback')).json()).toMatchObject({ connect: '/' })
    expect(await (await go('/callback?x=1')).json()).toMatchObject({ connect: '/' })
  })
})

describe('the connect module', () => {
  it.each(['useFactory', 'useClass', 'useExisting'] as const)(
    'takes %s, for the manager of a name',
    async (way) => {
      const { options, server } = await startWorld()
      @Injectable()
      class Settings implements EvergrantConnectOptionsFactory {
        createEvergrantConnectOptions = () => ({ redirectUri, secret })
      }
      class SettingsModule {}
      Module({ providers: [Settings], exports: [Settings] })(SettingsModule)
      const ways = {
        useFactory: { useFactory: () => ({ redirectUri, secret }) },
        useClass: { useClass: Settings },
        useExisting: { imports: [SettingsModule], useExisting: Settings },
      }
      const { url } = await startApp('express', {
        imports: [
          EvergrantModule.forRoot({ ...options, name: 'second', grantId: () => 'agency' }),
          EvergrantConnectModule.forRootAsync({ manager: 'second', ...ways[way] }),
        ],
      })
      const begun = await browser(url).go('/connect')
      expect(begun.headers.get('location')).toContain(server.origin)
    },
  )

  it('connects two providers side by side', async () => {
    const [one, two] = [await startWorld(), await startWorld()]
    const { url } = await startApp('express', {
      imports: [
        EvergrantModule.forRoot({ ...one.options, grantId: () => 'agency' }),
        EvergrantModule.forRoot({ ...two.options, name: 'two', grantId: () => 'agency' }),
        EvergrantConnectModule.forRoot({ path: 'connect/one', redirectUri, secret }),
        EvergrantConnectModule.forRoot({ manager: 'two', path: 'connect/two', redirectUri, secret }),
      ],
    })
    const { go } = browser(url)
    expect((await go('/connect/one')).headers.get('location')).toContain(one.server.origin)
    expect((await go('/connect/two')).headers.get('location')).toContain(two.server.origin)
  })

  async function compile(options: object, extras: object = { grantId: () => 'agency' }) {
    const { options: manager } = await startWorld()
    return Test.createTestingModule({
      imports: [
        EvergrantModule.forRoot({ ...manager, ...extras }),
        EvergrantConnectModule.forRoot({ redirectUri, secret, ...options } as never),
      ],
    })
      .setLogger(recordingLogger())
      .compile()
      .then(() => 'compiled')
  }

  it.each([
    ['redirectUri', { redirectUri: '/callback' }],
    ['secret', { secret: 'short' }],
    ['lifetimeMs', { lifetimeMs: 1 }],
    ['afterDisconnect', { afterDisconnect: '//evil.example' }],
    ['afterDisconnect', { afterDisconnect: 7 }],
    ['allowedOrigins', { allowedOrigins: 'https://app.example' }],
    ['allowedOrigins', { allowedOrigins: ['app.example'] }],
    ['allowedOrigins', { allowedOrigins: ['https://app.example/'] }],
    ['allowedOrigins', { allowedOrigins: [7] }],
  ])('does not start with a bad %s: %j', async (option, options) => {
    await expect(compile(options)).rejects.toThrow(`option '${option}'`)
  })

  it.each([
    ['name', { manager: '' }],
    ['path', { path: 7 }],
    ['decorators', { decorators: {} }],
    ['decorators', { decorators: ['UseGuards'] }],
  ])('tells a bad %s at once: %j', (option, extras) => {
    expect(() => EvergrantConnectModule.forRoot({ redirectUri, secret, ...extras } as never)).toThrow(
      `option '${option}'`,
    )
  })

  it('does not start for a manager that has no grantId, or that nobody registered', async () => {
    await expect(compile({}, {})).rejects.toThrow(`option 'grantId' is missing`)
    await expect(compile({ manager: 'nobody' })).rejects.toThrow(
      "EvergrantModule.forRoot({ name: 'nobody' })",
    )
  })
})

it('a callback whose client goes away stores the grant all the same', async () => {
  const { url, consent, server, elsewhere, logged } = await start('express')
  const { go } = browser(url)
  const back = await consent((await go('/connect')).headers.get('location'))
  const gate = server.gate({ path: 'token' })
  const controller = new AbortController()
  const gone = go(back, { signal: controller.signal })
  await gate.arrived()
  controller.abort()
  await expect(gone).rejects.toThrow()
  gate.open()
  await expect.poll(() => elsewhere.status('agency').then((status) => status?.state)).toBe('live')
  expect(logged()).toBe('')
})

it('errors that are not ours go to Nest', async () => {
  const world = await startWorld()
  const { url, logged } = await start(
    'express',
    {},
    {
      ...world,
      options: {
        ...world.options,
        provider: { ...world.options.provider, authorizationEndpoint: undefined },
      },
    },
  )
  expect((await browser(url).go('/connect')).status).toBe(500)
  expect(logged()).toContain('authorizationEndpoint')
  expect(logged()).not.toContain(EvergrantError.name)
})
