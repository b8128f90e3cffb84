import { createHash } from 'node:crypto'
import type { TokenMint } from './token-mint.js'
import type { GrantOwner } from './token-records.js'

/** What an authorization code stands for. */
interface CodeGrant {
  readonly owner: GrantOwner
  /** Compared at the exchange; `null`: none was sent. */
  readonly redirectUri: string | null
  /** PKCE challenge, S256; `null`: none was sent, so no verifier is asked for. */
  readonly codeChallenge: string | null
}

type CodeRedemption =
  | { readonly status: 'good'; readonly owner: GrantOwner; setFamily(family: string): void }
  | { readonly status: 'refused'; readonly hint: string; readonly reusedFamily: string | null }

/** Authorization codes: one-time and short-lived. */
export interface Codes {
  issue(grant: CodeGrant, expiresAtMs: number): string
  redeem(
    presented: { code: string; clientId: string; redirectUri: string | null; codeVerifier: string | null },
    nowMs: number,
  ): CodeRedemption
}

/** Makes an empty set of codes. A refused redemption does not consume the code. */
export function createCodes(mint: TokenMint): Codes {
  const codes = new Map<string, CodeGrant & { expiresAtMs: number; used: boolean; family: string | null }>()
  return {
    issue(grant, expiresAtMs) {
      const code = mint.code()
      codes.set(code, { ...grant, expiresAtMs, used: false, family: null })
      return code
    },
    redeem({ code, clientId, redirectUri, codeVerifier }, nowMs) {
      const refused = (hint: string, reusedFamily: string | null = null): CodeRedemption => {
        return { status: 'refused', hint, reusedFamily }
      }
      const grant = codes.get(code)
      if (!grant) return refused('Cannot decrypt the authorization code')
      if (grant.owner.clientId !== clientId)
        return refused('Authorization code was not issued to this client')
      if (nowMs >= grant.expiresAtMs) return refused('Authorization code has expired')
      if (grant.used) return refused('Authorization code has been revoked', grant.family)
      if (grant.redirectUri !== null && grant.redirectUri !== redirectUri)
        return refused('Invalid redirect URI')
      if (grant.codeChallenge !== null) {
        if (codeVerifier === null) return refused('Check the `code_verifier` parameter')
        const challenge = createHash('sha256').update(codeVerifier).digest('base64url')
        if (challenge !== grant.codeChallenge) return refused('Failed to verify `code_verifier`.')
      }
      grant.used = true
      return {
        status: 'good',
        owner: grant.owner,
        setFamily(family) {
          grant.family = family
        },
      }
    },
  }
}
