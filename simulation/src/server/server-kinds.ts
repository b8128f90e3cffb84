/** How an authorization server treats a spent refresh token, and how it says no. */
export interface ServerKind {
  readonly name: string
  /** What a second use does outside the grace interval. */
  readonly reuse: 'refused' | 'revokes-grant'
  readonly graceMs: number
  /** What a second use within the grace interval brings. */
  readonly inGrace: 'refused' | 'same-pair' | 'new-pair' | 'latest-wins'
  /** Replies may come without a refresh token: then the old one stays valid. */
  readonly omits: boolean
  readonly oldAccess: 'lives-on' | 'dies'
  readonly refusal: 'invalid_grant' | 'passport' | 'http-200' | 'http-200-form' | 'unauthorized_client'
  readonly requestFormat: 'form' | 'json'
  /** Says with 503 for certain that nothing was spent. */
  readonly unspent503: boolean
  readonly revocation: boolean
}

const plain: ServerKind = {
  name: 'plain',
  reuse: 'refused',
  graceMs: 0,
  inGrace: 'refused',
  omits: false,
  oldAccess: 'lives-on',
  refusal: 'invalid_grant',
  requestFormat: 'form',
  unspent503: false,
  revocation: false,
}

const revoking: ServerKind = { ...plain, name: 'revoking', reuse: 'revokes-grant', revocation: true }

/** Every kind of `passolution.md`'s table. */
export const SERVER_KINDS: readonly [ServerKind, ...ServerKind[]] = [
  {
    ...plain,
    name: 'passport',
    oldAccess: 'dies',
    refusal: 'passport',
    requestFormat: 'json',
  },
  { ...plain, name: 'refusing', unspent503: true },
  revoking,
  { ...revoking, name: 'revoking-old-dies', oldAccess: 'dies' },
  { ...revoking, name: 'grace-new-pair', graceMs: 60_000, inGrace: 'new-pair' },
  { ...revoking, name: 'grace-short', graceMs: 10_000, inGrace: 'new-pair' },
  { ...revoking, name: 'grace-same-pair', graceMs: 30_000, inGrace: 'same-pair' },
  { ...plain, name: 'half-hour', graceMs: 1_800_000, inGrace: 'new-pair' },
  { ...plain, name: 'latest-wins', graceMs: 120_000, inGrace: 'latest-wins' },
  { ...plain, name: 'omitting', omits: true },
  { ...plain, name: 'http-200', refusal: 'http-200', oldAccess: 'dies' },
  { ...plain, name: 'http-200-form', refusal: 'http-200-form' },
  { ...plain, name: 'one-grant-403', graceMs: 600_000, inGrace: 'new-pair', refusal: 'unauthorized_client' },
]
