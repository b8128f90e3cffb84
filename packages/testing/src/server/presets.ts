import type { ServerBehaviour } from './behaviour.js'

const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const yearMs = 365 * dayMs

const passolution: ServerBehaviour = Object.freeze({
  accessTokenLifetimeMs: yearMs,
  refreshTokenLifetimeMs: null,
  rotateAfterMs: 0,
  omitUnchangedRefreshToken: false,
  reuse: 'refused',
  graceMs: 0,
  graceReply: 'new-pair',
  graceEndsAtSuccessorUse: false,
  oldAccessToken: 'dies',
  accessTokensOfRevokedFamily: 'die',
  tokenType: null,
  expiresIn: 'seconds',
  refusal: 'passport-8',
  replyFormat: 'json',
  refusalFormat: 'json',
  requestFormats: Object.freeze(['json', 'form'] as const),
  clientAuthentication: Object.freeze(['client_secret_post', 'client_secret_basic'] as const),
  codeLifetimeMs: 10 * minuteMs,
  consent: 'approve',
  throttle: Object.freeze({ limit: 300, windowMs: minuteMs, windowStart: 'first-request' }),
  apiThrottle: null,
  revocation: true,
  apiStatus: 200,
})

/** What most servers of RFC 6749 share; each preset below states its differences. */
const common: ServerBehaviour = Object.freeze({
  ...passolution,
  accessTokenLifetimeMs: hourMs,
  refreshTokenLifetimeMs: 30 * dayMs,
  oldAccessToken: 'lives-on',
  tokenType: 'Bearer',
  refusal: 'oauth',
  requestFormats: Object.freeze(['form'] as const),
  throttle: null,
})

const preset = (differences: Partial<ServerBehaviour>): ServerBehaviour =>
  Object.freeze({ ...common, ...differences })

/** The servers that {@link serverPresets} knows. */
export type ServerPreset =
  | 'passolution'
  | 'auth0'
  | 'okta'
  | 'oidcProvider'
  | 'hydra'
  | 'xero'
  | 'cognito'
  | 'workos'
  | 'atlassian'
  | 'intuit'
  | 'google'
  | 'github'
  | 'latestPairWins'

/**
 * Behaviour of well-known servers as plain frozen data.
 *
 * They cover what matters to rotation (reuse, grace, replies, refusals, lifetimes), as documented or seen in 2026;
 * they do not imitate the vendors' paths, claims or scopes. Lifetimes are typical defaults.
 */
export const serverPresets: Readonly<Record<ServerPreset, ServerBehaviour>> = Object.freeze({
  passolution,
  auth0: preset({
    accessTokenLifetimeMs: dayMs,
    reuse: 'revokes-family',
    graceEndsAtSuccessorUse: true,
    accessTokensOfRevokedFamily: 'live-on',
    requestFormats: ['json', 'form'],
  }),
  okta: preset({ reuse: 'revokes-family', graceMs: 30 * secondMs }),
  oidcProvider: preset({ reuse: 'revokes-family', refreshTokenLifetimeMs: 14 * dayMs }),
  hydra: preset({ reuse: 'revokes-family' }),
  xero: preset({
    accessTokenLifetimeMs: 30 * minuteMs,
    refreshTokenLifetimeMs: 60 * dayMs,
    graceMs: 30 * minuteMs,
  }),
  cognito: preset({ graceMs: 60 * secondMs }),
  workos: preset({
    accessTokenLifetimeMs: 5 * minuteMs,
    graceMs: 30 * secondMs,
    graceReply: 'same-pair',
    requestFormats: ['json', 'form'],
  }),
  atlassian: preset({
    refreshTokenLifetimeMs: 90 * dayMs,
    graceMs: 10 * minuteMs,
    refusal: 'unauthorized-client',
    requestFormats: ['json', 'form'],
  }),
  intuit: preset({
    refreshTokenLifetimeMs: 100 * dayMs,
    rotateAfterMs: dayMs,
    graceMs: dayMs,
    graceReply: 'same-pair',
    tokenType: 'bearer',
  }),
  google: preset({ rotateAfterMs: null, omitUnchangedRefreshToken: true, refreshTokenLifetimeMs: yearMs }),
  github: preset({
    accessTokenLifetimeMs: 8 * hourMs,
    refreshTokenLifetimeMs: 182 * dayMs,
    tokenType: 'bearer',
    refusal: 'ok-bad-refresh-token',
    replyFormat: 'by-accept',
    refusalFormat: 'by-accept',
    requestFormats: ['json', 'form'],
  }),
  latestPairWins: preset({ graceMs: 30 * secondMs, graceReply: 'latest-pair-wins', oldAccessToken: 'dies' }),
})
