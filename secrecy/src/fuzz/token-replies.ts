import { oauth2Provider, passolution } from '@evergrant/core'
import fc from 'fast-check'
import { decodeTokens } from '../../../packages/core/src/grant/grant-tokens.js'
import { systemClock } from '../../../packages/core/src/time/clock.js'
import { classifyReply } from '../../../packages/core/src/token-endpoint/classify-reply.js'
import { sendRequest } from '../../../packages/core/src/token-endpoint/send-request.js'
import { successorPair } from '../../../packages/core/src/token-endpoint/successor.js'
import { prepareRequest } from '../../../packages/core/src/token-endpoint/token-request.js'
import { claim, headerText, type Target, textOf } from './target.js'

const SENT = 'Cn4RyXq7w2Zk.~+/-_Zk2w7qXyR4nC'
const CLIENT_SECRET = 'sEcReT0fTheClient+/=&'
const FRESH = ['fresh-access-token-1', 'fresh-refresh-token-1'] as const

const providers = [
  passolution({ clientId: 'c', clientSecret: CLIENT_SECRET }),
  oauth2Provider({
    id: 'p',
    clientId: 'c',
    clientSecret: CLIENT_SECRET,
    tokenEndpoint: 'https://server.example/t',
  }),
]

const scalar = fc.oneof(
  fc.constantFrom(
    ...FRESH,
    SENT,
    CLIENT_SECRET,
    SENT.toLowerCase().replace(/\W/g, '_'),
    encodeURIComponent(SENT),
  ),
  fc.constantFrom(
    'invalid_grant',
    'invalid_client',
    'invalid_request',
    'Bearer',
    'DPoP',
    '',
    '3600',
    '1e9',
    '-1',
  ),
  fc.string({ maxLength: 20 }),
  fc.double(),
  fc.integer(),
  fc.constantFrom(null, true, false, 1e308, Number.MAX_SAFE_INTEGER),
)
const names = [
  'access_token',
  'refresh_token',
  'expires_in',
  'token_type',
  'scope',
  'error',
  'error_description',
  'hint',
]
const members = fc.dictionary(
  fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...names) },
    fc.constantFrom('__proto__', 'constructor', 'toString'),
  ),
  fc.oneof(
    { weight: 6, arbitrary: scalar },
    fc.array(scalar, { maxLength: 2 }),
    fc.dictionary(fc.constantFrom(...names), scalar),
  ),
  { maxKeys: 7 },
)
const body = fc.oneof(
  { weight: 4, arbitrary: members.map((value) => JSON.stringify(value)) },
  members.map((value) => asForm(value)),
  members.map((value) => `Warning: <b>x</b>${JSON.stringify(value)}`),
  fc.tuple(members, fc.nat(200)).map(([value, cut]) => JSON.stringify(value).slice(0, cut)),
  fc.tuple(members, members).map(([a, b]) => JSON.stringify(a) + JSON.stringify(b)),
  textOf(
    '{',
    '}',
    '"',
    ':',
    ',',
    '\\',
    '[',
    ']',
    '"refresh_token":',
    '"access_token":"a"',
    `"${SENT}"`,
    'null',
    '&',
    '=',
  ),
)
const headers = fc.dictionary(
  fc.constantFrom(
    'retry-after',
    'date',
    'x-ratelimit-reset',
    'x-ratelimit-remaining',
    'ratelimit-reset',
    'content-type',
  ),
  textOf(
    '0',
    '1',
    '60',
    '-5',
    'Wed, 21 Oct 2026 07:28:00 GMT',
    '9'.repeat(30),
    'Infinity',
    '0x10',
    '1e3',
    SENT,
  ).map(headerText),
)
const status = fc.oneof(
  fc.constantFrom(200, 201, 400, 401, 403, 429, 500, 503),
  fc.integer({ min: 200, max: 599 }),
)

const quotes = (text: string): boolean => /Cn4RyXq7w2|cn4ryxq7w2|sEcReT0fTh|secret0fth/.test(text)

/** A whole reply, from its bytes to what is stored and told of it. */
export const tokenReplies: Target = {
  name: 'token replies',
  property: fc.asyncProperty(body, headers, status, fc.boolean(), async (text, head, code, first) => {
    const facts = providers[first ? 0 : 1] as (typeof providers)[0]
    const request = await prepareRequest(facts, facts.tokenEndpoint, {
      grant_type: 'refresh_token',
      refresh_token: SENT,
    })
    const empty = [204, 205, 304].includes(code)
    const result = await sendRequest(request, {
      fetch: async (_, init) => {
        await new Response(init?.body).arrayBuffer()
        return new Response(empty ? null : text, { status: code, headers: head })
      },
      clock: systemClock,
      release: async () => true,
      connectTimeoutMs: 60_000,
      requestTimeoutMs: 60_000,
    })
    claim(result.kind === 'reply', 'a reply was not read')
    const { reply } = result
    for (const ms of [reply.retryAfterMs, reply.usedUpForMs])
      claim(ms === undefined || (ms >= 0 && ms <= 3_600_000), 'a wait is longer than an hour, or none')
    const meaning = classifyReply(reply, facts)
    claim(!quotes(JSON.stringify(meaning)), 'the meaning of a reply quotes what was sent')
    if (meaning.kind !== 'rotated') return
    const pair = successorPair(reply.members, {
      key: { provider: facts.id, grantId: 'g' },
      facts,
      previous: undefined,
      grantType: 'refresh_token',
      sentAtMs: 1_700_000_000_000,
    })
    for (const atMs of [pair.expiresAtMs, pair.renewAtMs])
      claim(atMs === null || Number.isSafeInteger(atMs), 'an instant is no whole number')
    if (pair.expiresAtMs !== null && pair.renewAtMs !== null)
      claim(pair.renewAtMs <= pair.expiresAtMs, 'renewed after it has expired')
    const tokens = decodeTokens({ secret: pair.secret, grantId: 'g' })
    claim(
      tokens.refreshToken?.reveal() === textOrNone(reply.members.refresh_token),
      'a refresh token has changed',
    )
    claim(
      tokens.accessToken?.reveal() === textOrNone(reply.members.access_token),
      'an access token has changed',
    )
    claim(!quotes(tokens.scope ?? ''), 'a scope quotes what was sent')
  }),
}

function asForm(value: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(value).map(([name, one]) => [
    name,
    typeof one === 'string' ? one : JSON.stringify(one),
  ])
  return new URLSearchParams(pairs as [string, string][]).toString()
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
