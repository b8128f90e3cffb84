import type { Refresh, SharedTokens } from './polling-lock.js'

const MARGIN_MS = 60_000

/** What people write: the promise of the refresh in a variable. No store, no lease, no deadline, no failures. */
export function handWrittenSingleFlight(
  refresh: Refresh,
  firstRefreshToken: string,
  now: () => number,
): { getAccessToken(): Promise<string> } {
  let tokens: SharedTokens = { accessToken: '', refreshToken: firstRefreshToken, expiresAtMs: 0 }
  let inFlight: Promise<void> | undefined

  async function renew(): Promise<void> {
    tokens = await refresh(tokens.refreshToken)
  }

  return {
    async getAccessToken() {
      if (now() >= tokens.expiresAtMs - MARGIN_MS) {
        inFlight ??= renew().finally(() => {
          inFlight = undefined
        })
        await inFlight
      }
      return tokens.accessToken
    },
  }
}
