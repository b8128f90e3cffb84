import { hideFromInspect } from './secret.js'

/** How an {@link AccessToken} came to be: which link of which grant. */
export interface AccessTokenFacts {
  readonly provider: string
  readonly grantId: string
  readonly chain: string
  readonly generation: number
  readonly expiresAtMs: number | null
  readonly scope: string | undefined
}

/**
 * An access token that cannot print itself: `String`, template literals, `JSON.stringify`, `util.inspect` and
 * spreading give a description, never the token. Read it with {@link AccessToken.reveal}, just before it
 * leaves on the wire.
 *
 * It knows its link (grant, chain, generation), which is what a report of its rejection needs.
 */
export class AccessToken {
  readonly #value: string
  /** `provider.id` of the token manager that handed it out. */
  readonly provider: string
  readonly grantId: string
  /** Random id of the authorization this token descends from. */
  readonly chain: string
  /** How many rotations after that authorization, counting from 1. */
  readonly generation: number
  /** Epoch milliseconds on the store's clock; `null`: the provider did not say. */
  readonly expiresAtMs: number | null
  /** The scope the provider granted, space separated (RFC 6749 section 3.3); `undefined`: as requested. */
  readonly scope: string | undefined

  constructor(value: string, facts: AccessTokenFacts) {
    this.#value = value
    this.provider = facts.provider
    this.grantId = facts.grantId
    this.chain = facts.chain
    this.generation = facts.generation
    this.expiresAtMs = facts.expiresAtMs
    this.scope = facts.scope
    Object.freeze(this)
  }

  /** The raw token. Never log it, never send it anywhere but to the provider's API. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    const expiry = this.expiresAtMs === null ? 'expiry unknown' : `expires ${isoInstant(this.expiresAtMs)}`
    return `[AccessToken gen ${this.generation}, ${expiry}]`
  }

  toJSON(): string {
    return this.toString()
  }

  static {
    hideFromInspect(AccessToken.prototype)
  }
}

/** A lifetime may reach beyond what a Date can show. */
function isoInstant(epochMs: number): string {
  const date = new Date(epochMs)
  return Number.isNaN(date.getTime()) ? 'in the far future' : date.toISOString()
}
