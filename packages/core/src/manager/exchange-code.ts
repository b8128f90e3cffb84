import {
  AuthorizationResponseError,
  calculatePKCECodeChallenge,
  generateRandomCodeVerifier,
  generateRandomState,
  validateAuthResponse,
} from 'oauth4webapi'
import { optionError } from '../check-options.js'
import { EvergrantError, type EvergrantErrorCode } from '../errors.js'
import type { ProviderFacts } from '../provider/provider.js'
import { backoffMs } from '../rotation/backoff.js'
import type { NoSlot, Slot } from '../rotation/budget.js'
import type { GrantKey, GrantRecord } from '../store/token-store.js'
import { createAlarm } from '../time/alarm.js'
import { remainingMs } from '../time/clock.js'
import type { Patience } from '../time/patience.js'
import { classifyReply } from '../token-endpoint/classify-reply.js'
import type { TokenEndpointReply } from '../token-endpoint/parse-reply.js'
import { sendRequest } from '../token-endpoint/send-request.js'
import { checkTokenType, successorPair } from '../token-endpoint/successor.js'
import { prepareRequest } from '../token-endpoint/token-request.js'
import { askStore } from './ask-store.js'
import type { ManagerContext } from './context.js'
import { saveNewChain } from './save-grant.js'
import type { AuthorizationRequest, AuthorizationUrlOptions, ExchangeCodeOptions } from './token-manager.js'

/** @see RFC 6749 section 4.1.1, RFC 7636 section 4.3 */
export async function authorizationRequest(
  facts: ProviderFacts,
  options: AuthorizationUrlOptions,
): Promise<AuthorizationRequest> {
  if (facts.authorizationEndpoint === undefined) {
    throw optionError('provider.authorizationEndpoint', 'is needed to send users to the provider')
  }
  const codeVerifier = generateRandomCodeVerifier()
  const state = generateRandomState()
  const url = new URL(facts.authorizationEndpoint)
  const scope = options.scope ?? facts.scope
  for (const [name, value] of Object.entries(options.parameters ?? {})) url.searchParams.set(name, value)
  url.searchParams.set('client_id', facts.clientId)
  url.searchParams.set('redirect_uri', options.redirectUri)
  url.searchParams.set('response_type', 'code')
  if (scope !== undefined) url.searchParams.set('scope', scope)
  url.searchParams.set('state', state)
  url.searchParams.set('code_challenge', await calculatePKCECodeChallenge(codeVerifier))
  url.searchParams.set('code_challenge_method', 'S256')
  return { url: url.href, state, codeVerifier }
}

/** Checks the redirect that brought the user back and takes the code out of it. */
function codeFrom(facts: ProviderFacts, { callback, state }: ExchangeCodeOptions): string {
  const parameters =
    callback instanceof URLSearchParams ? callback : new URL(callback, 'http://localhost').searchParams
  const failed = (reason: string): EvergrantError =>
    new EvergrantError('AUTHORIZATION_FAILED', 'The authorization did not succeed', { reason })
  try {
    const client = { client_id: facts.clientId }
    const checked = validateAuthResponse({ issuer: facts.issuer }, client, parameters, state)
    const code = checked.get('code')
    if (code) return code
  } catch (error) {
    if (error instanceof AuthorizationResponseError && /^[a-z_]{1,40}$/.test(error.error)) {
      throw failed(error.error)
    }
    // The library's error quotes the parameters, the code among them: only our words pass.
    throw failed(parameters.get('state') === state ? 'invalid_callback' : 'state_mismatch')
  }
  throw failed('no_code')
}

/**
 * Exchanges the code and stores the grant. Detached from its caller once the code is sent: a reply that was
 * read is stored, whoever still waits for it.
 *
 * @see RFC 6749 section 4.1.3
 */
export async function exchangeCode(
  ctx: ManagerContext,
  key: GrantKey,
  options: ExchangeCodeOptions,
  patience: Patience,
): Promise<GrantRecord> {
  const code = codeFrom(ctx.facts, options)
  // With the store away the exchange fails here, before the code is spent.
  await patience.wait(askStore(ctx, (store) => store.load(key)))
  const work = exchange(
    ctx,
    key,
    {
      grant_type: 'authorization_code',
      code,
      redirect_uri: options.redirectUri,
      code_verifier: options.codeVerifier,
    },
    patience,
  )
  ctx.lifecycle.pending.add(work)
  // A caller who left does not make the failure an unhandled one; who waits still sees it.
  work.catch(() => {}).finally(() => ctx.lifecycle.pending.delete(work))
  return patience.wait(work)
}

async function exchange(
  ctx: ManagerContext,
  key: GrantKey,
  parameters: Readonly<Record<string, string>>,
  patience: Patience,
): Promise<GrantRecord> {
  const { requestTimeoutMs } = ctx.timings
  const pausedMs = ctx.clientPause.enter()
  if (pausedMs > 0) throw exchangeError('CLIENT_REJECTED', 'invalid_client', pausedMs)
  let slot: Slot | NoSlot = await takeSlot(ctx, patience)
  let sentAtMs = ctx.storeClock.now()
  const result = await sendRequest(await prepareRequest(ctx.facts, ctx.facts.tokenEndpoint, parameters), {
    fetch: ctx.fetch,
    clock: ctx.clock,
    connectTimeoutMs: requestTimeoutMs,
    requestTimeoutMs,
    async release(ended) {
      if (slot.kind === 'granted' && slot.valid && remainingMs(ctx.clock, slot.valid) <= 0)
        slot = await ctx.budget.exchange(slot)
      sentAtMs = ctx.storeClock.now()
      return slot.kind === 'granted' && !ended()
    },
  })
  if (result.kind === 'not-sent') throw exchangeError('PROVIDER_UNAVAILABLE', result.reason)
  if (result.kind === 'unknown') throw exchangeError('OUTCOME_UNKNOWN', result.reason)
  await checkReply(ctx, result.reply)
  const { members } = result.reply
  checkTokenType(members)
  const context = {
    key,
    facts: ctx.facts,
    previous: undefined,
    grantType: 'refresh_token',
    sentAtMs,
  } as const
  const pair = successorPair(members, context)
  const chain = ctx.chance.id()
  const alarm = createAlarm(ctx.clock)
  for (let failures = 1; ; failures++) {
    try {
      return await saveNewChain(ctx, key, pair, chain)
    } catch (error) {
      if (ctx.lifecycle.abandoned) throw exchangeError('UNCOMMITTED_SUCCESSOR', 'store_unavailable')
      if (!(error instanceof EvergrantError)) throw error
      await alarm.wait(backoffMs('store', failures, ctx.chance))
    }
  }
}

/** One request of the budget, or how long it would take. */
async function takeSlot(ctx: ManagerContext, patience: Patience): Promise<Slot> {
  let expectedMs = 0
  const now = ctx.budget.isContended() ? undefined : await ctx.budget.takeNow('caller')
  const isFull = now === undefined || (now.kind === 'stopped' && now.why === 'budget')
  const ticket = isFull
    ? ctx.budget.queue((forMs) => {
        expectedMs = forMs
        return patience.leftMs() >= forMs
      })
    : undefined
  const slot = ticket ? await ticket.slot : now
  if (slot?.kind === 'granted') return slot
  if (slot?.why === 'store') throw slot.error
  throw exchangeError('RATE_LIMITED', 'budget', expectedMs)
}

async function checkReply(ctx: ManagerContext, reply: TokenEndpointReply): Promise<void> {
  const meaning = classifyReply(reply, ctx.facts)
  switch (meaning.kind) {
    case 'rotated':
      if (ctx.clientPause.accepted()) ctx.emit({ type: 'client.accepted', provider: ctx.facts.id })
      return
    case 'refused':
      throw exchangeError('AUTHORIZATION_FAILED', meaning.reason)
    case 'unspent': {
      const forMs = reply.retryAfterMs ?? backoffMs('limited', 1, ctx.chance)
      if (meaning.limited) await ctx.budget.silence(forMs)
      throw exchangeError(meaning.limited ? 'RATE_LIMITED' : 'PROVIDER_UNAVAILABLE', meaning.reason, forMs)
    }
    case 'unknown':
      throw exchangeError('OUTCOME_UNKNOWN', meaning.reason)
    case 'client-rejected':
      throw exchangeError('CLIENT_REJECTED', meaning.reason, ctx.clientPause.rejected())
    case 'trouble': {
      // With an OAuth error the server has judged this exchange; without one it may never have seen it.
      const judged = reply.members.error !== undefined
      throw exchangeError(judged ? 'AUTHORIZATION_FAILED' : 'PROVIDER_UNAVAILABLE', meaning.reason)
    }
  }
}

function exchangeError(code: EvergrantErrorCode, reason: string, retryAfterMs?: number): EvergrantError {
  const details = { reason, retryAfterMs: retryAfterMs === undefined ? undefined : Math.ceil(retryAfterMs) }
  return new EvergrantError(code, 'The authorization code could not be exchanged', details)
}
