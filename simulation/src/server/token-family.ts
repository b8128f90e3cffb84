/** One refresh token as its server knows it. */
export interface ServerToken {
  readonly text: string
  readonly family: Family
  /** The token whose use brought this one. */
  readonly parent: ServerToken | undefined
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  spentAtMs: number | undefined
  /** Replaced by a later pair of the same use. */
  killed: boolean
  readonly successors: ServerToken[]
  /** The access token of its pair. */
  readonly access: AccessGrant
}

export interface AccessGrant {
  readonly text: string
  readonly family: Family
  readonly expiresAtMs: number
  dead: boolean
}

/** Everything that follows from one authorization. */
export interface Family {
  readonly name: string
  readonly grantId: string
  revoked: 'reuse' | 'user' | undefined
  /** Newest access token: on some servers the only one that lives. */
  newest: AccessGrant | undefined
  issued: number
}

export type Decision =
  | {
      readonly kind: 'rotated'
      readonly token: ServerToken
      readonly access: AccessGrant
      readonly again: boolean
    }
  /** An access token alone; the refresh token that was sent stays valid. */
  | { readonly kind: 'renewed'; readonly token: ServerToken; readonly access: AccessGrant }
  /** `reuse`: and the family was revoked for it. */
  | {
      readonly kind: 'refused'
      readonly why: 'unknown' | 'revoked' | 'expired' | 'spent' | 'killed' | 'reuse'
    }
