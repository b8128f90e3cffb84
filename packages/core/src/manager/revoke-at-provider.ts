import type { GrantTokens } from '../grant/grant-tokens.js'
import { sendRequest } from '../token-endpoint/send-request.js'
import { prepareRequest } from '../token-endpoint/token-request.js'
import type { ManagerContext } from './context.js'
import type { RevokeResult } from './token-manager.js'

/**
 * Revokes the refresh token (or, without one, the access token) where the provider can. Only after the grant
 * was removed here: the one send of a refresh token that needs no lease.
 *
 * @see RFC 7009 section 2.1
 */
export async function revokeAtProvider(
  ctx: ManagerContext,
  tokens: GrantTokens,
): Promise<RevokeResult['atProvider']> {
  const { revocationEndpoint, tokenEndpoint } = ctx.facts
  const token = tokens.refreshToken ?? tokens.accessToken
  if (revocationEndpoint === undefined || token === undefined) return 'unsupported'
  if (revocationEndpoint === tokenEndpoint) {
    if ((await ctx.budget.take('caller')).kind !== 'granted') return 'failed'
  }
  const hint = tokens.refreshToken ? 'refresh_token' : 'access_token'
  const parameters = { token: token.reveal(), token_type_hint: hint }
  const { requestTimeoutMs } = ctx.timings
  const result = await sendRequest(await prepareRequest(ctx.facts, revocationEndpoint, parameters), {
    fetch: ctx.fetch,
    clock: ctx.clock,
    release: async (ended) => !ended(),
    connectTimeoutMs: requestTimeoutMs,
    requestTimeoutMs,
  })
  return result.kind === 'reply' && result.reply.status >= 200 && result.reply.status < 300
    ? 'revoked'
    : 'failed'
}
