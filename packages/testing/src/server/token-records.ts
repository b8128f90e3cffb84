/** Who a grant belongs to. */
export interface GrantOwner {
  readonly clientId: string
  readonly sub: string
  readonly scope: string
}

/** Tokens as they were issued together. */
export interface IssuedPair {
  /** `null`: client credentials, nothing to rotate. */
  readonly family: string | null
  readonly accessToken: string
  /** Absent where the server issues or names none. */
  readonly refreshToken: string | null
  readonly accessExpiresAtMs: number
}

/** A refresh token and what became of it. */
export interface RefreshRecord {
  readonly token: string
  readonly family: FamilyRecord
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  /** The access token it came with, and those issued since with it unchanged. */
  readonly access: AccessRecord[]
  consumedAtMs: number | null
  revoked: boolean
  successors: IssuedPair[]
}

/** An access token; `family` is `null` for client credentials. */
export interface AccessRecord {
  readonly token: string
  readonly owner: GrantOwner
  readonly family: FamilyRecord | null
  expiresAtMs: number
  revoked: boolean
}

/** A grant with every token it ever brought. */
export interface FamilyRecord {
  readonly id: string
  readonly owner: GrantOwner
  readonly access: AccessRecord[]
  readonly refresh: RefreshRecord[]
  revoked: boolean
}
