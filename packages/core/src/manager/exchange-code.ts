import { errorName } from '../error-name.js'
import { EvergrantError, type EvergrantErrorCode } from '../errors.js'
import { adopt } from '../grant/adopt.js'
import { decodeTokens } from '../grant/grant-tokens.js'
import { backoffMs } from '../rotation/backoff.js'
import type { NoSlot, Slot } from '../rotation/budget.js'
import { MAX_SLOT_EXCHANGES } from '../rotation/send-armed.js'
import type { GrantKey, GrantRecord, TokenPair } from '../store/token-store.js'
import { createAlarm } from '../time/alarm.js'
import { remainingMs } from '../time/clock.js'
import type { Patience } from '../time/patience.js'
import { classifyReply } from '../token-endpoint/classify-reply.js'
import type { TokenEndpointReply } from '../token-endpoint/parse-reply.js'
import { sendRequest } from '../token-endpoint/send-request.js'
import { checkBearer, successorPair } from '../token-endpoint/successor.js'
import { type PreparedRequest, prepareRequest } from '../token-endpoint/token-request.js'
import { askStore, tryStore } from './ask-store.js'
import { checkExchange, codeFrom } from './authorization-callback.js'
import type { CodeExchange, ManagerContext } from './context.js'
import { revokeAtProvider } from './revoke-at-provider.js'
import { saveNewChain } from './save-grant.js'
import type { ExchangeCodeOptions } from './token-manager.js'

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
  checkExchange(options)
  const code = codeFrom(ctx.facts, options)
  // With the store away the exchange fails here, before the code is spent.
  const { answer: before } = await patience.wait(askStore(ctx, (store) => store.load(key)))
  const own: CodeExchange = { grantId: key.grantId, hasSent: false, alarm: createAlarm(ctx.clock) }
  const work = exchange(
    ctx,
    key,
    own,
    {
      grant_type: 'authorization_code',
      code,
      redirect_uri: options.redirectUri,
      code_verifier: options.codeVerifier,
    },
    before.record,
    patience,
  )
  ctx.lifecycle.exchanges.set(work, own)
  // A caller who left does not make the failure an unhandled one; who waits still sees it.
  work.catch(() => {}).finally(() => ctx.lifecycle.exchanges.delete(work))
  return patience.wait(work)
}

async function exchange(
  ctx: ManagerContext,
  key: GrantKey,
  own: CodeExchange,
  parameters: Readonly<Record<string, string>>,
  before: GrantRecord | undefined,
  patience: Patience,
): Promise<GrantRecord> {
  const { requestTimeoutMs } = ctx.timings
  // Closed while the store was looked at: credentials are gone, and a slot of the budget would be nobody's.
  if (ctx.lifecycle.closing) throw exchangeError('CLOSED', 'closing')
  const pausedMs = ctx.clientPause.enter()
  if (pausedMs > 0) throw exchangeError('CLIENT_REJECTED', 'invalid_client', pausedMs)
  const request = await prepare(ctx, parameters)
  let slot: Slot | NoSlot = await takeSlot(ctx, own, patience)
  let sentAtMs = ctx.storeClock.earliest()
  const result = await sendRequest(request, {
    fetch: ctx.fetch,
    clock: ctx.clock,
    connectTimeoutMs: requestTimeoutMs,
    requestTimeoutMs,
    async release(ended) {
      for (let exchanges = 0; slot.kind === 'granted'; exchanges++) {
        if (ended() || ctx.lifecycle.closing || exchanges > MAX_SLOT_EXCHANGES) return false
        if (remainingMs(ctx.clock, slot.valid) > 0) {
          sentAtMs = ctx.storeClock.earliest()
          own.hasSent = true
          return true
        }
        // What is given in exchange may be out of date too by the time its answer is here.
        slot = await ctx.budget.exchange(slot)
      }
      return false
    },
  })
  if (result.kind === 'not-sent' && slot.kind === 'granted') ctx.budget.giveBack(slot)
  if (result.kind === 'not-sent' && ctx.lifecycle.closing) throw exchangeError('CLOSED', 'closing')
  if (result.kind === 'not-sent') throw exchangeError('PROVIDER_UNAVAILABLE', result.reason)
  if (result.kind === 'unknown') throw exchangeError('OUTCOME_UNKNOWN', result.reason)
  const { reply } = result
  try {
    await checkReply(ctx, reply)
    return await store(ctx, key, own, reply.members, sentAtMs, before)
  } finally {
    if (reply.usedUpForMs !== undefined) await ctx.budget.silence(reply.usedUpForMs)
  }
}

async function prepare(
  ctx: ManagerContext,
  parameters: Readonly<Record<string, string>>,
): Promise<PreparedRequest> {
  try {
    return await prepareRequest(ctx.facts, ctx.facts.tokenEndpoint, parameters)
  } catch (error) {
    // Of the application's client authentication: it may quote the key.
    throw exchangeError('UNEXPECTED', errorName(error) ?? 'Error')
  }
}

/** What the code brought. */
async function store(
  ctx: ManagerContext,
  key: GrantKey,
  own: CodeExchange,
  members: TokenEndpointReply['members'],
  sentAtMs: number,
  before: GrantRecord | undefined,
): Promise<GrantRecord> {
  const { facts } = ctx
  const pair = successorPair(members, {
    key,
    facts,
    previous: undefined,
    grantType: 'refresh_token',
    sentAtMs,
  })
  try {
    checkBearer(members)
  } catch (error) {
    // The code is spent: what it brought, and nobody can use, is not left lying about at the provider.
    // Whether that succeeds or not: what the caller must hear is the former, in words that quote nothing.
    await revokeAtProvider(ctx, decodeTokens({ ...pair, grantId: key.grantId })).catch(() => {})
    throw error
  }
  return saveUntilStored(ctx, key, own, pair, before)
}

/** As a successor is: the code is spent, so this pair is all there is. A newer authorization wins over it. */
async function saveUntilStored(
  ctx: ManagerContext,
  key: GrantKey,
  { alarm }: CodeExchange,
  pair: TokenPair,
  before: GrantRecord | undefined,
): Promise<GrantRecord> {
  const chain = ctx.chance.id()
  let seen = before
  async function pause(failures: number): Promise<void> {
    if (ctx.lifecycle.abandoned) throw exchangeError('UNCOMMITTED_SUCCESSOR', 'store_unavailable')
    await alarm.wait(backoffMs('store', failures, ctx.chance))
  }
  for (let failures = 1; ; failures++) {
    let isAnswered = false
    try {
      const saved = await saveNewChain(ctx, key, pair, chain, seen)
      if (saved) return saved
      isAnswered = true
    } catch (error) {
      if (!(error instanceof EvergrantError)) throw error
      await pause(failures)
    }
    // The first answer may have been lost, and others may have authorized since.
    // A notice that comes before the answer must find it.
    ctx.grants.ensure(key)
    const asked = await tryStore(ctx, (store) => store.load(key))
    if (asked instanceof EvergrantError) {
      // A store that answers a save and no load would be asked without end, and without a pause.
      if (isAnswered) await pause(failures)
      continue
    }
    if (isAnswered) failures = 0
    const { record } = asked.answer
    if (record && ![chain, before?.chain].includes(record.chain)) {
      adopt(ctx.questions, ctx.grants.ensure(key), record, { nowMs: asked.answer.nowMs, order: asked.order })
      return record
    }
    seen = record
  }
}

/** One request of the budget, or how long it would take. */
async function takeSlot(ctx: ManagerContext, { alarm }: CodeExchange, patience: Patience): Promise<Slot> {
  const slot = await ctx.budget.take('caller', async (forMs) => {
    if (ctx.lifecycle.closing || patience.leftMs() < forMs) return false
    try {
      await patience.wait(alarm.wait(forMs))
    } catch (error) {
      // The caller has left: its timer would keep the process for as long.
      alarm.ring()
      throw error
    }
    return !ctx.lifecycle.closing
  })
  if (slot.kind === 'granted') return slot
  if (slot.why === 'store') throw slot.error
  if (ctx.lifecycle.closing) throw exchangeError('CLOSED', 'closing')
  throw exchangeError('RATE_LIMITED', 'budget', slot.forMs)
}

async function checkReply(ctx: ManagerContext, reply: TokenEndpointReply): Promise<void> {
  const meaning = classifyReply(reply, ctx.facts)
  // Whoever judges the code has accepted the client.
  const accepted = meaning.kind === 'rotated' || meaning.kind === 'refused'
  if (accepted && ctx.clientPause.accepted()) {
    ctx.emit({ type: 'client.accepted', provider: ctx.facts.id })
  }
  switch (meaning.kind) {
    case 'rotated':
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
