import type { GrantTokens } from '../grant/grant-tokens.js'
import type { NoSlot, Slot } from '../rotation/budget.js'
import { MAX_SLOT_EXCHANGES } from '../rotation/send-armed.js'
import { remainingMs } from '../time/clock.js'
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
  const needsSlot = revocationEndpoint === tokenEndpoint
  let slot: Slot | NoSlot | undefined = needsSlot ? await ctx.budget.take('caller') : undefined
  if (needsSlot && slot?.kind !== 'granted') return 'failed'

  /** A connection may be slow to stand: a slot that went out of date meanwhile is another's by now. */
  async function release(ended: () => boolean): Promise<boolean> {
    for (let exchanges = 0; slot?.kind === 'granted'; exchanges++) {
      if (ended() || exchanges > MAX_SLOT_EXCHANGES) return false
      if (remainingMs(ctx.clock, slot.valid) > 0) return true
      slot = await ctx.budget.exchange(slot)
    }
    return !needsSlot && !ended()
  }

  const hint = tokens.refreshToken ? 'refresh_token' : 'access_token'
  const parameters = { token: token.reveal(), token_type_hint: hint }
  const { requestTimeoutMs } = ctx.timings
  const result = await sendRequest(await prepareRequest(ctx.facts, revocationEndpoint, parameters), {
    fetch: ctx.fetch,
    clock: ctx.clock,
    release,
    connectTimeoutMs: requestTimeoutMs,
    requestTimeoutMs,
  })
  if (result.kind === 'not-sent' && slot?.kind === 'granted') ctx.budget.giveBack(slot)
  return result.kind === 'reply' && result.reply.status >= 200 && result.reply.status < 300
    ? 'revoked'
    : 'failed'
}
