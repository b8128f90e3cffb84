import type { AccessToken } from '../access-token.js'
import { checkId, checkNumber, isSafe, optionError } from '../check-options.js'
import { EvergrantError } from '../errors.js'
import { forgetChain, forgetLink, type Origin } from '../grant/adopt.js'
import { linkOf } from '../grant/grant-entry.js'
import { decodeTokens, type GrantTokens } from '../grant/grant-tokens.js'
import type { GrantKey, GrantRecord, GrantSummary, TokenPair } from '../store/token-store.js'
import { createAbortHub } from '../time/abort-hub.js'
import { elapsedMs, markNow } from '../time/clock.js'
import { type Patience, startPatience } from '../time/patience.js'
import { hasTokens } from '../token-endpoint/parse-reply.js'
import { checkBearer, successorPair } from '../token-endpoint/successor.js'
import { askStore } from './ask-store.js'
import { authorizationRequest } from './authorization-request.js'
import { closeManager } from './close-manager.js'
import { exchangeCode } from './exchange-code.js'
import { createHandOut } from './hand-out.js'
import { createKeepAlive } from './keep-alive.js'
import { HEALTH_TIMEOUT_MS, managerHealth } from './manager-health.js'
import { contextFrom, type TokenManagerOptions } from './options.js'
import { revokeAtProvider } from './revoke-at-provider.js'
import { saveKeepingRefreshToken, saveNewChain } from './save-grant.js'
import type {
  GetAccessTokenOptions,
  GrantStatus,
  RevokeResult,
  TokenManager,
  WaitOptions,
} from './token-manager.js'
import { gather, gatheredNow, unlessAborted } from './wait-together.js'
import { watchStore } from './watch-store.js'

/**
 * Creates the object through which an application gets its tokens. One per provider and process is enough; more
 * than one, in one process or in many, share their grants through the store.
 *
 * Nothing is sent and nothing is read before the first call.
 *
 * @throws TypeError naming the option that is wrong
 */
export function createTokenManager(options: TokenManagerOptions): TokenManager {
  const { ctx, settings } = contextFrom(options)
  const handOut = createHandOut(ctx, settings.clientCredentials)
  const watch = watchStore(ctx)
  const keepAlive = createKeepAlive(ctx, settings.clientCredentials)
  const provider = ctx.facts.id
  const aborts = createAbortHub()
  let closed: Promise<void> | undefined

  function open(grantId: string): GrantKey {
    checkId('grantId', grantId)
    if (ctx.lifecycle.closing)
      throw new EvergrantError('CLOSED', 'The token manager is closed', { provider, grantId })
    watch.begin()
    return { provider, grantId }
  }

  function patienceFor({ signal, timeoutMs }: WaitOptions, what: string): Patience {
    if (timeoutMs !== undefined) checkNumber('timeoutMs', timeoutMs, { min: 0 })
    return startPatience(ctx.clock, aborts, { timeoutMs: timeoutMs ?? settings.timeoutMs, signal, what })
  }

  return {
    provider,

    isApiUrl(url) {
      const { apiOrigins, dangerouslyAllowHttp = false } = ctx.facts
      if (typeof url === 'string' && !URL.canParse(url)) return false
      const asked = typeof url === 'string' ? new URL(url) : url
      return apiOrigins.length === 0 ? isSafe(asked, dangerouslyAllowHttp) : apiOrigins.includes(asked.origin)
    },

    getAccessToken(grantId, wanted) {
      const entry = ctx.grants.get(grantId)
      if (entry && !ctx.lifecycle.closing && (!wanted || asksOnlyForPatience(wanted))) {
        // The path of a fresh token: no I/O, no timer, and no promise but the one that is there already.
        if (entry.ready && ctx.storeClock.now() < entry.readyUntilMs) return entry.ready
        const gathered = gatheredNow(ctx.clock, entry)
        if (gathered) return unlessAborted(aborts, gathered, wanted?.signal)
      }
      try {
        return waitForToken(grantId, wanted)
      } catch (error) {
        return Promise.reject(error)
      }
    },

    async reportRejected(token, wait = {}) {
      // Not `instanceof`: another copy of this package may have made it.
      if (typeof token?.reveal !== 'function' || token.provider !== provider) {
        throw optionError('token', 'must be an AccessToken that this manager handed out')
      }
      const key = open(token.grantId)
      return handOut.replacement(ctx.grants.ensure(key), token, patienceFor(wait, 'Another access token'))
    },

    async saveGrant(grantId, reply, { receivedAtMs, keepRefreshToken = false } = {}) {
      const key = open(grantId)
      if (typeof reply !== 'object' || reply === null || !hasTokens(reply)) {
        throw optionError('reply', 'must have an access_token or a refresh_token')
      }
      checkBearer(reply)
      if (receivedAtMs !== undefined) checkNumber('receivedAtMs', receivedAtMs, { min: 0 })
      const calledAt = markNow(ctx.clock)
      const ageMs = receivedAtMs === undefined ? 0 : Math.max(0, calledAt.wallMs - receivedAtMs)
      const patience = patienceFor({}, 'The lease of the stored grant')
      const saves = keepRefreshToken && !reply.refresh_token ? saveKeepingRefreshToken : undefined
      const chain = ctx.chance.id()
      let sentAtMs: number | undefined
      for (;;) {
        // Also reads the store's clock, on which the lifetime is kept.
        const { answer: before } = await askStore(ctx, (store) => store.load(key))
        // At the first look: what a machine sleeps through later is on none of its clocks.
        sentAtMs ??= ctx.storeClock.earliest() - ageMs - elapsedMs(ctx.clock, calledAt)
        const context = { key, facts: ctx.facts, grantType: 'refresh_token', sentAtMs } as const
        const pairFrom = (previous?: GrantTokens): TokenPair => successorPair(reply, { ...context, previous })
        const kept = await saves?.(ctx, key, pairFrom, patience)
        const record = kept ?? (await saveNewChain(ctx, key, pairFrom(), chain, before.record))
        // Of two authorizations at the same moment the one that is stored last wins.
        if (record) return statusOf(record)
      }
    },

    authorizationUrl: (request) => authorizationRequest(ctx.facts, request),

    async exchangeCode(grantId, request) {
      const key = open(grantId)
      return statusOf(await exchangeCode(ctx, key, request, patienceFor(request, 'The exchange')))
    },

    async status(grantId) {
      const key = open(grantId)
      const { answer } = await askStore(ctx, (store) => store.load(key))
      return answer.record && statusOf(answer.record)
    },

    async list({ state, after, limit = 100 } = {}) {
      checkNumber('limit', limit, { min: 1, max: 1000, integer: true })
      const page = { provider, limit, ...(state && { state }), ...(after !== undefined && { after }) }
      const { answer } = await askStore(ctx, (store) => store.list(page))
      const grants = answer.records.map(statusOf)
      return answer.next === undefined ? { grants } : { grants, next: answer.next }
    },

    async health({ timeoutMs = Math.min(HEALTH_TIMEOUT_MS, settings.timeoutMs), signal } = {}) {
      return managerHealth(ctx, patienceFor({ timeoutMs, signal }, 'The token store'))
    },

    async revoke(grantId) {
      const key = open(grantId)
      const { record, from } = await removeStored(key)
      // Also where nothing is known: what is under way may show what was removed. It is the first to make room.
      const entry = ctx.grants.ensure(key)
      entry.used = false
      if (record) forgetChain(ctx.questions, entry, record.chain, from.nowMs)
      else forgetLink(ctx.questions, entry, from)
      entry.rotation?.wake('news')
      if (!record) return { removed: false, atProvider: 'unsupported' }
      ctx.emit({ type: 'grant.removed', provider, grantId })
      return { removed: true, atProvider: await revokeStored(record) }
    },

    start({ sweepIntervalMs = 1_000 } = {}) {
      checkNumber('sweepIntervalMs', sweepIntervalMs, { min: 1 })
      if (ctx.lifecycle.closing)
        throw new EvergrantError('CLOSED', 'The token manager is closed', { provider })
      watch.begin()
      keepAlive.start(sweepIntervalMs)
    },

    close() {
      closed ??= close()
      return closed
    },
  }

  function waitForToken(grantId: string, wanted: GetAccessTokenOptions = {}): Promise<AccessToken> {
    const entry = ctx.grants.ensure(open(grantId))
    const { minValidityMs, forceRefresh = false, signal } = wanted
    if (minValidityMs !== undefined) checkNumber('minValidityMs', minValidityMs, { min: 0 })
    const ask = (limits: WaitOptions): Promise<AccessToken> =>
      handOut.token(entry, { minValidityMs, forceRefresh }, patienceFor(limits, 'The access token'))
    signal?.throwIfAborted()
    if (!asksOnlyForPatience(wanted)) return ask(wanted)
    return unlessAborted(aborts, gather(ctx.clock, entry, ask({})), signal)
  }

  /** Names what it removes: should the removal arrive late, it does not hit a newer authorization. With the look before it. */
  async function removeStored(
    key: GrantKey,
  ): Promise<{ readonly record: GrantRecord | undefined; readonly from: Origin }> {
    for (;;) {
      const { answer: seen, order } = await askStore(ctx, (store) => store.load(key))
      const from = { nowMs: seen.nowMs, order }
      if (!seen.record) return { record: undefined, from }
      const request = { ...key, expectedChain: seen.record.chain }
      const { answer } = await askStore(ctx, (store) => store.remove(request))
      if (answer.record) return { record: answer.record, from }
    }
  }

  /** What is removed stays removed, whatever comes of its revocation. */
  async function revokeStored(record: GrantRecord): Promise<RevokeResult['atProvider']> {
    try {
      return await revokeAtProvider(ctx, decodeTokens(record))
    } catch {
      // Its secret cannot be read, or the client cannot authenticate: the result says that it failed.
      return 'failed'
    }
  }

  async function close(): Promise<void> {
    try {
      // Both at once: what the first reports while the second is waited for would be nobody's, and end the process.
      await Promise.all([closeManager(ctx, settings.closeTimeoutMs), keepAlive.stop()])
    } finally {
      ctx.grants.clear()
      ctx.forgetCredentials()
      await watch.end()
    }
  }
}

/**
 * Adapters always pass a signal; that alone must not cost them the short path. It is not even looked at, for where
 * nobody waits there is no wait to end.
 */
function asksOnlyForPatience({ minValidityMs, forceRefresh, timeoutMs }: GetAccessTokenOptions): boolean {
  return minValidityMs === undefined && !forceRefresh && timeoutMs === undefined
}

function statusOf(record: GrantSummary): GrantStatus {
  const { expiresAtMs, renewAtMs, committedAtMs, state, reason } = record
  const { grantId, chain, generation } = linkOf(record)
  return { grantId, state, reason, chain, generation, expiresAtMs, renewAtMs, committedAtMs }
}
