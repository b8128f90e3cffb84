import { createConnectFlow, type TokenManager } from '@evergrant/core'
import fc from 'fast-check'
import { claim, type Target, textOf } from './target.js'

const redirectUri = 'https://app.example/connect/callback'
const secret = 'a secret of this test, long enough to be one'

/** Each flow that the application really began, with the cookie that its browser got. */
interface Begun {
  readonly state: string
  readonly cookie: string
}

const exchanged: string[] = []
let states = 0
const tokens = {
  provider: 'p',
  authorizationUrl: async () => {
    const state = `state-${states++}-${crypto.randomUUID()}`
    return { url: `https://server.example/?state=${state}`, state, codeVerifier: 'verifier' }
  },
  exchangeCode: async (grantId: string) => {
    exchanged.push(grantId)
    return { grantId }
  },
} as unknown as TokenManager

const flow = createConnectFlow({ tokens, redirectUri, secret })
const other = createConnectFlow({ tokens, redirectUri, secret: `${secret}, but another one` })

async function begin(by: typeof flow, grantId: string): Promise<Begun> {
  const { url, setCookies } = await by.begin({ grantId })
  return {
    state: new URL(url).searchParams.get('state') ?? '',
    cookie: setCookies.at(-1)?.split(';')[0] ?? '',
  }
}

type Spoil = (own: Begun, foreign: Begun, forged: Begun, at: number, text: string) => Begun

/** What an attacker can make of a cookie: none of it is the one that this browser got for this state. */
const spoils: readonly Spoil[] = [
  ({ state, cookie }, _f, _g, at, text) => ({
    state,
    cookie: changed(cookie, cookie.indexOf('=') + 1 + at, text),
  }),
  ({ state, cookie }, _f, _g, at) => ({ state, cookie: cookie.slice(0, cookie.indexOf('=') + 1 + at) }),
  ({ state, cookie }, foreign) => ({ state, cookie: nameOf(cookie) + contentOf(foreign.cookie) }),
  ({ state, cookie }, _f, forged) => ({ state, cookie: nameOf(cookie) + contentOf(forged.cookie) }),
  ({ cookie }, foreign) => ({ state: foreign.state, cookie }),
  ({ cookie }, _f, _g, at, text) => ({ state: `${text}x${at}`, cookie }),
  ({ state }, _f, _g, _a, text) => ({ state, cookie: text }),
  ({ state, cookie }, _f, _g, _a, text) => ({
    state,
    cookie: `${nameOf(cookie)}eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..${text}`,
  }),
  ({ state, cookie }, _f, _g, _a, text) => ({
    state,
    cookie: nameOf(cookie) + Buffer.from(text).toString('base64url'),
  }),
]

const nameOf = (cookie: string): string => cookie.slice(0, cookie.indexOf('=') + 1)
const contentOf = (cookie: string): string => cookie.slice(cookie.indexOf('=') + 1)

const bytesIn = (cookie: string): string =>
  (contentOf(cookie).split(';')[0] ?? '')
    .trim()
    .split('.')
    .map((part) => Buffer.from(part, 'base64url').toString('hex'))
    .join()

function changed(text: string, at: number, by: string): string {
  const place = Math.min(at, text.length - 1)
  const replaced = text.slice(0, place) + (by === '' ? 'A' : by) + text.slice(place + 1)
  return replaced === text ? `${text}A` : replaced
}

/** A million flows would spend their time sealing: spoiled ones do not use up the flow that they spoil. */
let own: Promise<Begun> | undefined
let foreign: Promise<Begun> | undefined
let forged: Promise<Begun> | undefined

export const cookies: Target = {
  name: 'connect cookies',
  property: fc.asyncProperty(
    fc.integer({ min: 0, max: spoils.length - 1 }),
    fc.nat(400),
    textOf('.', '..', ';', '=', ' ', 'eyJ', 'ended', '__Host-evergrant-connect.', '"', '%'),
    fc.boolean(),
    async (which, at, text, surrounded) => {
      own ??= begin(flow, 'own')
      foreign ??= begin(flow, 'foreign')
      forged ??= begin(other, 'forged')
      const spoil = spoils[which] as Spoil
      const { state, cookie } = spoil(await own, await foreign, await forged, at, text)
      // Base64 has spare bits: another text of the very same bytes is no forgery.
      if (state === (await own).state && bytesIn(cookie) === bytesIn((await own).cookie)) return
      exchanged.length = 0
      const callback = `${redirectUri}?${new URLSearchParams({ code: 'c', state })}`
      const header = surrounded ? `a=b; ${cookie}; ${text}` : cookie
      const outcome = await flow.complete({ callback, cookie: header })
      claim(
        outcome.kind === 'forged' || outcome.kind === 'replayed',
        `a forged cookie was taken: ${outcome.kind}`,
      )
      claim(exchanged.length === 0, 'a code was exchanged for a forged cookie')
      claim(
        outcome.setCookies.every((one) => !/[\r\n]/.test(one)),
        'a cookie breaks its header',
      )
    },
  ),
}
