import type { ServerBehaviour } from './behaviour.js'
import type { TokenMint } from './token-mint.js'
import type { AccessRecord, FamilyRecord, GrantOwner, IssuedPair, RefreshRecord } from './token-records.js'

/** Why a refresh token is refused. */
export type RefusalCause = 'unknown' | 'other-client' | 'expired' | 'revoked'

type RefreshCheck =
  | { readonly status: 'good'; readonly record: RefreshRecord; readonly grace: boolean }
  | {
      readonly status: 'refused'
      readonly cause: RefusalCause
      readonly family: string | null
      /** The token had been spent before: what reuse detection looks for. */
      readonly reuse: boolean
    }

type RefreshResult = {
  readonly decision: 'rotated' | 'kept' | 'grace'
  readonly pair: IssuedPair
  /** Somebody else spent the token between the check and now. */
  readonly doubleSpend: boolean
}

/** Why a family was revoked. */
type RevocationCause = 'reuse' | 'code-reuse' | 'revocation-endpoint' | 'control'

/** The server's whole memory of tokens; every step is synchronous, so it is atomic in one process. */
export interface Families {
  issue(owner: GrantOwner, nowMs: number): IssuedPair
  issueWithoutRefreshToken(owner: GrantOwner, nowMs: number): IssuedPair
  /** Looks, changes nothing. */
  checkRefresh(token: string, clientId: string, nowMs: number): RefreshCheck
  /** Spends what `checkRefresh` found good, without looking again. */
  spend(record: RefreshRecord, nowMs: number): RefreshResult
  /** Whether presenting this token now is a second use outside grace. */
  isSpent(token: string, nowMs: number): boolean
  /** The owner and family of a good access token. */
  checkAccess(token: string, nowMs: number): { owner: GrantOwner; family: string | null } | null
  familyOf(token: string): string | null
  /** The client a token was issued to. */
  ownerOf(token: string): string | null
  isAlive(refreshToken: string, nowMs: number): boolean
  expireAccessTokens(family: string | null, nowMs: number): number
  revokeAccessToken(token: string): boolean
  revokeFamily(family: string, cause: RevocationCause): boolean
}

export interface FamiliesOptions {
  readonly mint: TokenMint
  readonly behaviour: () => ServerBehaviour
  readonly onFamilyRevoked: (family: string, cause: RevocationCause) => void
}

/** Keeps grants ("families"), their tokens, and the rules by which they live and die. */
export function createFamilies({ mint, behaviour, onFamilyRevoked }: FamiliesOptions): Families {
  const families = new Map<string, FamilyRecord>()
  const refreshTokens = new Map<string, RefreshRecord>()
  const accessTokens = new Map<string, AccessRecord>()

  function mintAccess(owner: GrantOwner, family: FamilyRecord | null, nowMs: number): AccessRecord {
    const expiresAtMs = nowMs + behaviour().accessTokenLifetimeMs
    const token = mint.access({ ...owner, issuedAtMs: nowMs, expiresAtMs })
    const record: AccessRecord = { token, owner, family, expiresAtMs, revoked: false }
    accessTokens.set(token, record)
    family?.access.push(record)
    return record
  }

  function mintPair(family: FamilyRecord, nowMs: number): IssuedPair {
    const access = mintAccess(family.owner, family, nowMs)
    const lifetimeMs = behaviour().refreshTokenLifetimeMs
    const record: RefreshRecord = {
      token: mint.refresh(),
      family,
      issuedAtMs: nowMs,
      expiresAtMs: lifetimeMs === null ? access.expiresAtMs : nowMs + lifetimeMs,
      access: [access],
      consumedAtMs: null,
      revoked: false,
      successors: [],
    }
    refreshTokens.set(record.token, record)
    family.refresh.push(record)
    return {
      family: family.id,
      accessToken: access.token,
      refreshToken: record.token,
      accessExpiresAtMs: access.expiresAtMs,
    }
  }

  /** The pair as it was; only where its access token has lapsed meanwhile, with a new one. */
  function renewExpired(pair: IssuedPair, family: FamilyRecord, nowMs: number): IssuedPair {
    if (nowMs < pair.accessExpiresAtMs) return pair
    const access = mintAccess(family.owner, family, nowMs)
    return { ...pair, accessToken: access.token, accessExpiresAtMs: access.expiresAtMs }
  }

  function inGrace(record: RefreshRecord, nowMs: number): boolean {
    const { graceMs, graceEndsAtSuccessorUse } = behaviour()
    if (record.consumedAtMs === null || nowMs >= record.consumedAtMs + graceMs) return false
    const used = ({ refreshToken }: IssuedPair): boolean =>
      refreshTokens.get(refreshToken ?? '')?.consumedAtMs !== null
    return !(graceEndsAtSuccessorUse && record.successors.some(used))
  }

  function killPair({ accessToken, refreshToken }: IssuedPair): void {
    const access = accessTokens.get(accessToken)
    if (access) access.revoked = true
    const refresh = refreshTokens.get(refreshToken ?? '')
    if (!refresh || refresh.revoked) return
    refresh.revoked = true
    for (const next of refresh.successors) killPair(next)
  }

  function checkRefresh(token: string, clientId: string, nowMs: number): RefreshCheck {
    const refused = (cause: RefusalCause, reuse = false): RefreshCheck => {
      return { status: 'refused', cause, family: record?.family.id ?? null, reuse }
    }
    const record = refreshTokens.get(token)
    if (!record) return refused('unknown')
    if (record.family.owner.clientId !== clientId) return refused('other-client')
    if (nowMs >= record.expiresAtMs) return refused('expired', record.consumedAtMs !== null)
    if (record.family.revoked || record.revoked) return refused('revoked', record.consumedAtMs !== null)
    if (record.consumedAtMs === null) return { status: 'good', record, grace: false }
    if (inGrace(record, nowMs)) return { status: 'good', record, grace: true }
    return refused('revoked', true)
  }

  function spend(record: RefreshRecord, nowMs: number): RefreshResult {
    const { rotateAfterMs, oldAccessToken, graceReply } = behaviour()
    const first = record.consumedAtMs === null
    const grace = !first && inGrace(record, nowMs)
    const doubleSpend = !first && !grace
    if (first && (rotateAfterMs === null || nowMs < record.issuedAtMs + rotateAfterMs)) {
      const access = mintAccess(record.family.owner, record.family, nowMs)
      if (oldAccessToken === 'dies') for (const old of record.access) old.revoked = true
      record.access.push(access)
      const refreshToken = behaviour().omitUnchangedRefreshToken ? null : record.token
      return {
        decision: 'kept',
        doubleSpend,
        pair: {
          family: record.family.id,
          accessToken: access.token,
          refreshToken,
          accessExpiresAtMs: access.expiresAtMs,
        },
      }
    }
    const last = record.successors.at(-1)
    if (grace && last && graceReply === 'same-pair') {
      return { decision: 'grace', pair: renewExpired(last, record.family, nowMs), doubleSpend }
    }
    if (grace && graceReply === 'latest-pair-wins') for (const old of record.successors) killPair(old)
    if (oldAccessToken === 'dies') for (const old of record.access) old.revoked = true
    record.consumedAtMs ??= nowMs
    const pair = mintPair(record.family, nowMs)
    record.successors.push(pair)
    return { decision: grace ? 'grace' : 'rotated', pair, doubleSpend }
  }

  return {
    issue(owner, nowMs) {
      const family: FamilyRecord = { id: mint.familyId(), owner, access: [], refresh: [], revoked: false }
      families.set(family.id, family)
      return mintPair(family, nowMs)
    },
    issueWithoutRefreshToken(owner, nowMs) {
      const { token, expiresAtMs } = mintAccess(owner, null, nowMs)
      return { family: null, accessToken: token, refreshToken: null, accessExpiresAtMs: expiresAtMs }
    },
    checkRefresh,
    spend,
    isSpent(token, nowMs) {
      const record = refreshTokens.get(token)
      return record !== undefined && record.consumedAtMs !== null && !inGrace(record, nowMs)
    },
    checkAccess(token, nowMs) {
      const record = accessTokens.get(token)
      if (!record || record.revoked || nowMs >= record.expiresAtMs) return null
      if (record.family?.revoked && behaviour().accessTokensOfRevokedFamily === 'die') return null
      return { owner: record.owner, family: record.family?.id ?? null }
    },
    familyOf(token) {
      return (refreshTokens.get(token)?.family ?? accessTokens.get(token)?.family)?.id ?? null
    },
    ownerOf(token) {
      return (refreshTokens.get(token)?.family.owner ?? accessTokens.get(token)?.owner)?.clientId ?? null
    },
    isAlive(refreshToken, nowMs) {
      const clientId = refreshTokens.get(refreshToken)?.family.owner.clientId ?? ''
      return checkRefresh(refreshToken, clientId, nowMs).status === 'good'
    },
    expireAccessTokens(family, nowMs) {
      let count = 0
      for (const record of family === null ? accessTokens.values() : (families.get(family)?.access ?? [])) {
        if (record.revoked || nowMs >= record.expiresAtMs) continue
        record.expiresAtMs = nowMs
        count += 1
      }
      return count
    },
    revokeAccessToken(token) {
      const record = accessTokens.get(token)
      if (!record || record.revoked) return false
      record.revoked = true
      return true
    },
    revokeFamily(id, cause) {
      const family = families.get(id)
      if (!family || family.revoked) return false
      family.revoked = true
      onFamilyRevoked(id, cause)
      return true
    },
  }
}
