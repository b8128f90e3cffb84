import { hideFromInspect } from '../secret.js'

/**
 * The headers of a request that sends nothing but the token. An object that the runtime's `fetch` reads member by
 * member: it takes that in faster than `Headers`, which it has to sort. Whoever prints it sees no token.
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
