import type { ExpiresInStyle, ServerBehaviour } from './behaviour.js'
import type { IssuedPair } from './token-records.js'

/** A token endpoint's reply, in OAuth's own names; `expires_in` is in seconds. */
export interface IssuedTokenReply {
  readonly token_type?: string
  readonly expires_in?: number | string
  readonly access_token: string
  readonly refresh_token?: string
}

function expiresIn(style: ExpiresInStyle, seconds: number): { expires_in?: number | string } {
  switch (style) {
    case 'seconds':
      return { expires_in: seconds }
    case 'string':
      return { expires_in: String(seconds) }
    case 'negative':
      return { expires_in: -seconds }
    case 'huge':
      return { expires_in: 99_999_999_999 }
    case 'missing':
      return {}
  }
}

/** Puts a pair into words, as the behaviour says. Whole seconds, rounded down. */
export function tokenReply(pair: IssuedPair, behaviour: ServerBehaviour, nowMs: number): IssuedTokenReply {
  const seconds = Math.floor((pair.accessExpiresAtMs - nowMs) / 1000)
  return {
    ...(behaviour.tokenType === null ? {} : { token_type: behaviour.tokenType }),
    ...expiresIn(behaviour.expiresIn, seconds),
    access_token: pair.accessToken,
    ...(pair.refreshToken === null ? {} : { refresh_token: pair.refreshToken }),
  }
}
