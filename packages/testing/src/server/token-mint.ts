import { createHash } from 'node:crypto'

/** What an access token says about itself. */
interface AccessClaims {
  readonly clientId: string
  readonly sub: string
  readonly scope: string
  readonly issuedAtMs: number
  readonly expiresAtMs: number
}

/** Makes the strings; the same seed makes the same ones in the same order, and none twice. */
export interface TokenMint {
  access(claims: AccessClaims): string
  refresh(): string
  code(): string
  familyId(): string
}

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * Strings shaped like those of Laravel Passport: `eyJ…` (a JWT with a `jti`, its signature is noise) and
 * `def50200…` (hex, opaque).
 */
export function createTokenMint(seed: string): TokenMint {
  let serial = 0
  const noise = (): Buffer => {
    serial += 1
    return createHash('sha512').update(`${seed}:${serial}`).digest()
  }
  const opaque = (): string => `def50200${noise().toString('hex')}`
  return {
    access({ clientId, sub, scope, issuedAtMs, expiresAtMs }) {
      const random = noise()
      const iat = Math.floor(issuedAtMs / 1000)
      const payload = {
        aud: clientId,
        jti: random.toString('hex', 0, 20),
        iat,
        nbf: iat,
        exp: Math.floor(expiresAtMs / 1000),
        sub,
        scopes: scope === '' ? [] : scope.split(' '),
      }
      return `${base64url({ typ: 'JWT', alg: 'RS256' })}.${base64url(payload)}.${random.toString('base64url')}`
    },
    refresh: opaque,
    code: opaque,
    familyId: () => `family-${noise().toString('hex', 0, 6)}`,
  }
}
