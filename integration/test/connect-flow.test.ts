import { inspect } from 'node:util'
import {
  type ConnectFlow,
  type ConnectFlowOptions,
  type ConnectOutcome,
  createConnectFlow,
  createTokenManager,
  memoryStore,
  passolution,
  type TokenManager,
} from '@evergrant/core'
import { type AuthorizationServer, fakeClock, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const redirectUri = 'https://app.example.com/connect/callback'
const secret = 'not a secret, but long enough for a test'

let server: AuthorizationServer
let tokens: TokenManager
let flow: ConnectFlow

beforeEach(async () => {
  server = await startAuthorizationServer()
  tokens = managerFor(server)
  flow = flowWith()
})
afterEach(async () => {
  await tokens.close()
  await server.close()
})

function managerFor({ clientId, clientSecret, origin }: AuthorizationServer): TokenManager {
  const provider = passolution({ clientId, clientSecret, authorizationServer: origin, api: origin })
  return createTokenManager({ provider, store: memoryStore() })
}

function flowWith(options: Partial<ConnectFlowOptions> = {}): ConnectFlow {
  return createConnectFlow({ tokens, redirectUri, secret, ...options })
}

/** A browser's cookies, as far as flows need them. */
function createJar(): { header(): string | undefined; take(setCookies: readonly string[]): void } {
  const cookies = new Map<string, string>()
  return {
    header: () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') || undefined,
    take(setCookies) {
      for (const setCookie of setCookies) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(setCookie) ?? []
        if (setCookie.includes('Max-Age=0')) cookies.delete(name)
        else cookies.set(name, value)
      }
    },
  }
}

/** What the provider sends the browser back to. */
async function consentAt(url: string): Promise<string> {
  const { headers } = await fetch(url, { redirect: 'manual' })
  return headers.get('location') ?? ''
}

async function begun(jar = createJar(), by = flow, returnTo?: string) {
  const { url, setCookies } = await by.begin({ grantId: 'agency', cookie: jar.header(), returnTo })
  jar.take(setCookies)
  return { jar, url, setCookies, callback: await consentAt(url) }
}

const failure = (outcome: ConnectOutcome) =>
  outcome.kind === 'connected' ? undefined : { kind: outcome.kind, reason: outcome.error.reason }

it('connects a grant and goes back to where the user came from', async () => {
  const { jar, callback } = await begun(createJar(), flow, '/settings?tab=2')
  const outcome = await flow.complete({ callback, cookie: jar.header(), grantId: 'agency' })
  expect(outcome).toMatchObject({
    kind: 'connected',
    grant: { grantId: 'agency', state: 'live', generation: 1 },
    returnTo: '/settings?tab=2',
  })
  expect((await tokens.getAccessToken('agency')).generation).toBe(1)
})

it('keeps the flow in a cookie that is sealed, short-lived and of this host alone', async () => {
  const { url, setCookies, callback } = await begun()
  expect(setCookies).toHaveLength(1)
  expect(setCookies[0]).toMatch(
    /^__Host-evergrant-connect\.[0-9a-f]{16}=[\w.-]+; Max-Age=1200; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
  )
  expect(setCookies[0]!.length).toBeLessThan(1_000)
  const parameters = new URL(url).searchParams
  expect(parameters.get('code_challenge_method')).toBe('S256')
  expect(parameters.get('redirect_uri')).toBe(redirectUri)
  for (const word of ['agency', parameters.get('state')!, new URL(callback).searchParams.get('code')!])
    expect(setCookies[0]).not.toContain(word)
})

it('the largest flow fits into a cookie', async () => {
  const { setCookies } = await flow.begin({ grantId: 'ü'.repeat(127), returnTo: `/${'"'.repeat(340)}` })
  expect(setCookies[0]!.length).toBeLessThan(4_096)
})

it('on a developer\u2019s own machine does without Secure', async () => {
  const local = flowWith({ redirectUri: 'http://127.0.0.1:3000/callback', cookieName: 'mine' })
  const { setCookies } = await local.begin({ grantId: 'agency' })
  expect(setCookies[0]).toMatch(/^mine\.[0-9a-f]{16}=[^;]+; Max-Age=1200; Path=\/; HttpOnly; SameSite=Lax$/)
})

it('an address elsewhere becomes the default', async () => {
  const to = flowWith({ defaultReturnTo: '/home' })
  const { jar, callback } = await begun(createJar(), to, '//evil.example')
  expect(await to.complete({ callback, cookie: jar.header() })).toMatchObject({ returnTo: '/home' })
})

describe('ends once', () => {
  it('refuses the callback again, by the mark in the cookie, also in another process', async () => {
    const { jar, callback } = await begun()
    jar.take((await flow.complete({ callback, cookie: jar.header() })).setCookies)
    const replayed = { kind: 'replayed', reason: 'flow_replayed' }
    expect(failure(await flow.complete({ callback, cookie: jar.header() }))).toEqual(replayed)
    expect(failure(await flowWith().complete({ callback, cookie: jar.header() }))).toEqual(replayed)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('refuses the old cookie and its callback together, without a request', async () => {
    const { jar, callback } = await begun()
    const both = [1, 2].map(() => flow.complete({ callback, cookie: jar.header() }))
    const kinds = (await Promise.all(both)).map(({ kind }) => kind)
    expect(kinds.sort()).toEqual(['connected', 'replayed'])
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('in another process that is sent the old cookie, the provider refuses the code', async () => {
    const { jar, callback } = await begun()
    await flow.complete({ callback, cookie: jar.header() })
    const outcome = await flowWith().complete({ callback, cookie: jar.header() })
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'AUTHORIZATION_FAILED' } })
  })

  it('forgets ended flows when they would have expired anyway', async () => {
    const clock = fakeClock(Date.now())
    const timed = flowWith({ clock })
    const first = await begun(createJar(), timed)
    await timed.complete({ callback: first.callback, cookie: first.jar.header() })
    await clock.advance(600_001)
    const second = await begun(createJar(), timed)
    await timed.complete({ callback: second.callback, cookie: second.jar.header() })
    const late = await timed.complete({ callback: first.callback, cookie: first.jar.header() })
    expect(failure(late)).toEqual({ kind: 'expired', reason: 'flow_expired' })
  })
})

it('a flow ends with the user\u2019s no', async () => {
  server.configure({ consent: 'deny' })
  const { jar, callback } = await begun(createJar(), flow, '/settings')
  const outcome = await flow.complete({ callback, cookie: jar.header() })
  expect(outcome).toMatchObject({ kind: 'denied', returnTo: '/settings' })
  jar.take(outcome.setCookies)
  expect((await flow.complete({ callback, cookie: jar.header() })).kind).toBe('replayed')
})

it('a late user hears that it took too long, and the code is not spent', async () => {
  const clock = fakeClock(Date.now())
  const timed = flowWith({ clock, lifetimeMs: 60_000 })
  const { jar, callback } = await begun(createJar(), timed, '/settings')
  await clock.advance(60_000)
  const outcome = await timed.complete({ callback, cookie: jar.header() })
  expect(outcome).toMatchObject({ kind: 'expired', returnTo: '/settings' })
  expect(server.ledger.tokenRequests()).toHaveLength(0)
})

describe('is bound to the browser that began it', () => {
  it('refuses a callback without cookie, without state, and with a made-up state', async () => {
    const { jar, callback } = await begun()
    const elsewhere = await flow.complete({ callback, cookie: 'session=1' })
    expect(failure(elsewhere)).toEqual({ kind: 'forged', reason: 'unknown_flow' })
    const stateless = await flow.complete({ callback: 'code=1', cookie: jar.header() })
    expect(failure(stateless)).toEqual({ kind: 'forged', reason: 'no_state' })
    const madeUp = await flow.complete({ callback: '/callback?code=1&state=2', cookie: jar.header() })
    expect(failure(madeUp)).toEqual({ kind: 'forged', reason: 'unknown_flow' })
    // And the true one still works.
    expect((await flow.complete({ callback, cookie: jar.header() })).kind).toBe('connected')
  })

  it('refuses the cookie of another flow under the name of this one', async () => {
    const attacker = await begun()
    const victim = await begun()
    const [name] = (victim.jar.header() ?? '').split('=')
    const [, sealed] = (attacker.jar.header() ?? '').split('=')
    const outcome = await flow.complete({ callback: victim.callback, cookie: `${name}=${sealed}` })
    expect(failure(outcome)).toEqual({ kind: 'forged', reason: 'unreadable_flow' })
  })

  it('refuses a whole flow that belongs to another session', async () => {
    const attacker = await begun()
    const cookie = attacker.jar.header()
    const outcome = await flow.complete({ callback: attacker.callback, cookie, grantId: 'victim' })
    expect(failure(outcome)).toEqual({ kind: 'forged', reason: 'other_grant' })
    expect(server.ledger.tokenRequests()).toHaveLength(0)
  })

  it('refuses a cookie that was changed, sealed by nobody, or sealed for another purpose', async () => {
    const { jar, callback } = await begun()
    const cookie = jar.header()!
    const other = flowWith({ redirectUri: 'https://other.example.com/callback' })
    for (const [by, changed] of [
      [flow, `${cookie.slice(0, -30)}AAAA${cookie.slice(-26)}`],
      [flow, cookie.replace(/=.*/, '=nonsense')],
      [flow, cookie.replace(/=.*/, '=')],
      [other, cookie],
    ] as const) {
      const outcome = await by.complete({ callback, cookie: changed })
      expect(failure(outcome)).toEqual({ kind: 'forged', reason: 'unreadable_flow' })
    }
  })

  it('refuses an answer of another provider (RFC 9207), and one with two states', async () => {
    for (const more of ['&iss=https%3A%2F%2Fevil.example', '&state=2']) {
      const { jar, callback } = await begun()
      const outcome = await flow.complete({ callback: callback + more, cookie: jar.header() })
      expect(failure(outcome)).toEqual({ kind: 'forged', reason: 'invalid_callback' })
    }
  })
})

it('two flows of one browser do not disturb each other, and left ones are cleared away', async () => {
  const jar = createJar()
  const first = await begun(jar)
  const second = await begun(jar)
  expect((await flow.complete({ callback: first.callback, cookie: jar.header() })).kind).toBe('connected')
  expect((await flow.complete({ callback: second.callback, cookie: jar.header() })).kind).toBe('connected')
  for (let i = 0; i < 10; i++) await begun(jar)
  expect(jar.header()!.split('; ')).toHaveLength(4)
})

it('secrets are changed without disturbing users who are at the provider', async () => {
  const { jar, callback } = await begun()
  const next = 'the next secret, also long enough for it'
  const changed = flowWith({ secret: [next, secret] })
  expect((await changed.complete({ callback, cookie: jar.header() })).kind).toBe('connected')
  const sealedByNext = await begun(createJar(), changed)
  const onlyNext = flowWith({ secret: next })
  const { callback: late, jar: lateJar } = sealedByNext
  expect((await onlyNext.complete({ callback: late, cookie: lateJar.header() })).kind).toBe('connected')
  const dropped = await begun()
  const outcome = await onlyNext.complete({ callback: dropped.callback, cookie: dropped.jar.header() })
  expect(outcome.kind).toBe('forged')
})

it('what goes wrong at the provider is told, and the flow is over', async () => {
  server.faults.add({ kind: 'status', status: 503, path: 'token', when: 'before' })
  const { jar, callback } = await begun()
  const outcome = await flow.complete({ callback, cookie: jar.header() })
  expect(outcome).toMatchObject({ kind: 'failed' })
  expect(outcome.setCookies).toHaveLength(1)
})

it('a caller who leaves ends the wait, not the exchange', async () => {
  const gate = server.gate()
  const { jar, callback } = await begun()
  const caller = new AbortController()
  const waiting = flow.complete({ callback, cookie: jar.header(), signal: caller.signal })
  await gate.arrived()
  caller.abort(new Error('gone'))
  await expect(waiting).rejects.toThrow('gone')
  gate.open()
  await tokens.close()
  expect(server.ledger.tokenRequests({ decision: 'issued' })).toHaveLength(1)
})

it('no outcome shows code, state, verifier or secret', async () => {
  const told: unknown[] = []
  const { jar, callback, url } = await begun()
  server.faults.add({ kind: 'error', path: 'token', error: 'invalid_grant' })
  told.push(await flow.complete({ callback, cookie: jar.header() }))
  told.push(await flow.complete({ callback, cookie: jar.header() }))
  told.push(await flow.complete({ callback, cookie: undefined }))
  const text = inspect(told, { depth: 9, showHidden: true }) + JSON.stringify(told)
  const canaries = [
    new URL(url).searchParams.get('state'),
    new URL(callback).searchParams.get('code'),
    secret,
  ]
  for (const canary of canaries) expect(text).not.toContain(canary)
})

it.each([
  ['tokens', { tokens: {} }],
  ['redirectUri', { redirectUri: '/callback' }],
  ['redirectUri', { redirectUri: 'http://app.example.com/callback' }],
  ['secret', { secret: 'short' }],
  ['secret', { secret: [] }],
  ['secret', { secret: [secret, 'short'] }],
  ['secret', { secret: undefined }],
  ['lifetimeMs', { lifetimeMs: 0 }],
  ['lifetimeMs', { lifetimeMs: 86_400_001 }],
  ['defaultReturnTo', { defaultReturnTo: 'https://evil.example' }],
  ['cookieName', { cookieName: 'a;b' }],
  ['scope', { scope: 1 }],
  ['parameters', { parameters: { prompt: 1 } }],
])('names the option %s that is wrong', (name, options) => {
  expect(() => flowWith(options as never)).toThrow(
    expect.toSatisfy((error) => error instanceof TypeError && error.message.includes(`'${name}'`)),
  )
})

it('names a grantId that is wrong', async () => {
  await expect(flow.begin({ grantId: '' })).rejects.toThrow("'grantId'")
})
