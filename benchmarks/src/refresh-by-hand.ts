import type { OAuth2ProviderOptions } from '@evergrant/core'
import type { Refresh } from './polling-lock.js'

interface TokenReply {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in: number
}

/** A token request with nothing around it: what both hand-written contenders send. */
export function refreshByHand(provider: OAuth2ProviderOptions, now: () => number = Date.now): Refresh {
  const { tokenEndpoint, clientId: client_id, clientSecret: client_secret = '' } = provider
  return async (refresh_token) => {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id, client_secret })
    const response = await fetch(tokenEndpoint, { method: 'POST', body })
    if (!response.ok) throw new Error(`refresh by hand failed: ${response.status}`)
    const reply = (await response.json()) as TokenReply
    return {
      accessToken: reply.access_token,
      refreshToken: reply.refresh_token,
      expiresAtMs: now() + reply.expires_in * 1_000,
    }
  }
}
