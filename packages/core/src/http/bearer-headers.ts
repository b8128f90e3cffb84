import type { AccessToken } from '../access-token.js'
import { EvergrantError } from '../errors.js'
import { hideFromInspect } from '../secret.js'

/** What a header may carry: field-vchar, space and tab (RFC 9110, section 5.5). */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * The headers of a request that sends nothing but the token. An object that the runtime's `fetch` reads member by
 * member: it takes that in faster than `Headers`, which it has to sort. Whoever prints it sees no token. One for each
 * request: what wraps the runtime's `fetch` (tracing, say) may add to it.
 */
export class BearerHeaders {
  readonly authorization: string

  constructor(authorization: string) {
    this.authorization = authorization
  }

  toString(): string {
    return '[BearerHeaders]'
  }

  toJSON(): string {
    return '[BearerHeaders]'
  }

  static {
    hideFromInspect(BearerHeaders.prototype)
  }
}

/** A token goes out many times: put together and looked at once, its text is also one that the runtime knows again. */
const known = new WeakMap<AccessToken, string>()

/**
 * The value of `Authorization`.
 *
 * @throws EvergrantError `INVALID_REPLY` when no header can carry the token
 */
export function bearer(token: AccessToken): string {
  const before = known.get(token)
  if (before !== undefined) return before
  const authorization = `Bearer ${token.reveal()}`
  // The runtime's error would quote the token.
  if (!HEADER_VALUE.test(authorization)) {
    const { provider, grantId } = token
    const message = 'The access token has characters that no HTTP header can carry'
    throw new EvergrantError('INVALID_REPLY', message, { provider, grantId, reason: 'unusable_access_token' })
  }
  known.set(token, authorization)
  return authorization
}
