import type { SeededChance } from '../time/seeded-chance.js'
import type { ServerKind } from './server-kinds.js'
import type { AccessGrant, Decision, Family, ServerToken } from './token-family.js'

/** The tokens of one authorization server, and what it decides on them. Knows nothing of networks. */
export interface TokenBook {
  /** A user's consent. */
  authorize(grantId: string, nowMs: number): ServerToken
  refresh(text: string, nowMs: number): Decision
  /** RFC 7009, or the user at the provider's own page. */
  revoke(text: string): void
  token(text: string): ServerToken | undefined
  access(text: string): AccessGrant | undefined
  /** Whether using it now would bring a pair. */
  accepts(token: ServerToken, nowMs: number): boolean
}

/** Every secret of a simulation holds this: it must be found nowhere but in stores and on the wire (P7). */
export const SECRET_MARK = 'seCReT'

export function createTokenBook(
  kind: ServerKind,
  lives: { readonly accessMs: number; readonly refreshMs: number },
  chance: SeededChance,
): TokenBook {
  const tokens = new Map<string, ServerToken>()
  const accesses = new Map<string, AccessGrant>()
  let families = 0

  function issue(family: Family, parent: ServerToken | undefined, nowMs: number): ServerToken {
    const access = issueAccess(family, nowMs)
    const token: ServerToken = {
      text: `rt.${family.name}.${family.issued}.${SECRET_MARK}`,
      family,
      parent,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + lives.refreshMs,
      spentAtMs: undefined,
      killed: false,
      successors: [],
      access,
    }
    tokens.set(token.text, token)
    return token
  }

  function issueAccess(family: Family, nowMs: number): AccessGrant {
    family.issued += 1
    if (kind.oldAccess === 'dies' && family.newest) family.newest.dead = true
    const text = `at.${family.name}.${family.issued}.${SECRET_MARK}`
    const access = { text, family, expiresAtMs: nowMs + lives.accessMs, dead: false }
    family.newest = access
    accesses.set(text, access)
    return access
  }

  function refusalOf(
    token: ServerToken | undefined,
    nowMs: number,
  ): (Decision & { kind: 'refused' })['why'] | undefined {
    if (!token) return 'unknown'
    if (token.family.revoked) return 'revoked'
    if (token.killed) return 'killed'
    if (token.spentAtMs === undefined) return nowMs < token.expiresAtMs ? undefined : 'expired'
    const inGrace = kind.inGrace !== 'refused' && nowMs < token.spentAtMs + kind.graceMs
    return inGrace ? undefined : 'spent'
  }

  return {
    authorize(grantId, nowMs) {
      families += 1
      return issue(
        { name: `${grantId}~${families}`, grantId, revoked: undefined, newest: undefined, issued: 0 },
        undefined,
        nowMs,
      )
    },

    refresh(text, nowMs) {
      const token = tokens.get(text)
      const why = refusalOf(token, nowMs)
      if (!token || why) {
        if (token && why === 'spent' && kind.reuse === 'revokes-grant') {
          token.family.revoked = 'reuse'
          return { kind: 'refused', why: 'reuse' }
        }
        return { kind: 'refused', why: why ?? 'unknown' }
      }
      if (token.spentAtMs === undefined) {
        if (kind.omits && chance.happens(0.7))
          return { kind: 'renewed', token, access: issueAccess(token.family, nowMs) }
        token.spentAtMs = nowMs
      } else if (kind.inGrace === 'same-pair') {
        const [same] = token.successors
        if (same) return { kind: 'rotated', token: same, access: same.access, again: true }
      } else if (kind.inGrace === 'latest-wins') {
        for (const earlier of token.successors) earlier.killed = true
      }
      const again = token.successors.length > 0
      const successor = issue(token.family, token, nowMs)
      token.successors.push(successor)
      return { kind: 'rotated', token: successor, access: successor.access, again }
    },

    revoke(text) {
      const family = tokens.get(text)?.family ?? accesses.get(text)?.family
      if (family) family.revoked ??= 'user'
    },

    token: (text) => tokens.get(text),
    access: (text) => accesses.get(text),
    accepts: (token, nowMs) => refusalOf(token, nowMs) === undefined,
  }
}
