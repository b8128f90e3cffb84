import { checkEndpoint, checkId, checkNumber, optionError } from '../check-options.js'
import { EvergrantError, isEvergrantError } from '../errors.js'
import { parametersOf } from '../manager/authorization-callback.js'
import type { GrantStatus, TokenManager, WaitOptions } from '../manager/token-manager.js'
import { sameText } from '../same-text.js'
import { type Clock, systemClock } from '../time/clock.js'
import { flowCookies } from './flow-cookies.js'
import { safeReturnTo } from './return-to.js'
import { createFlowSeal, type SealedFlow } from './sealed-flow.js'
import { createUsedFlows } from './used-flows.js'

/** What {@link createConnectFlow} takes. */
export interface ConnectFlowOptions {
  readonly tokens: TokenManager
  /** Where the provider sends users back: absolute, registered there. Plain http for loopback only. */
  readonly redirectUri: string
  /**
   * Seals the flow's cookie: at least 32 characters, random, the same in all processes. Of several the first
   * seals and all open: to change it, put the new one in front and drop the old one after `lifetimeMs`.
   */
  readonly secret: string | readonly string[]
  /** How long a user has to consent, milliseconds, up to a day. @defaultValue 600 000 */
  readonly lifetimeMs?: number | undefined
  /** Where users go that came from nowhere, or from an address that is not ours. @defaultValue `/` */
  readonly defaultReturnTo?: string | undefined
  /** Begins the name of the flow's cookie. @defaultValue `evergrant-connect` */
  readonly cookieName?: string | undefined
  /** Space separated. @defaultValue the provider's `scope` */
  readonly scope?: string | undefined
  /** Further parameters of the authorization request, such as `prompt` or `audience`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined
  /** @defaultValue the runtime's clock */
  readonly clock?: Clock | undefined
}

/** Who connects, and where the browser is to come back to. */
export interface BeginConnectOptions {
  /** The grant that the authorization will be stored as. From the session, never from the request's own words. */
  readonly grantId: string
  /** The `Cookie` header of the request, to clear away flows that were begun and left. */
  readonly cookie?: string | undefined
  /** A path of this site to go back to; anything else becomes `defaultReturnTo`. */
  readonly returnTo?: string | undefined
}

/** Send the browser to `url`, with all of `setCookies`, each a whole `Set-Cookie` value. */
export interface BegunConnect {
  readonly url: string
  readonly setCookies: readonly string[]
}

/** What the browser brought back from the provider. */
export interface CompleteConnectOptions extends WaitOptions {
  /** The URL of the callback, its path and query, or its query parameters. */
  readonly callback: URL | URLSearchParams | string
  /** The `Cookie` header of the request. */
  readonly cookie: string | undefined
  /**
   * Whose session this is now: when given, a flow begun for another grant is refused, so that nobody can be
   * made to finish a flow of somebody else. @defaultValue the flow's own
   */
  readonly grantId?: string | undefined
}

/**
 * How a flow ended. `setCookies` must be sent in any case: they make its end final.
 *
 * `connected`: the grant is stored. `denied`: the user said no. `expired`: the user took too long. `replayed`: the
 * flow had ended before. `forged`: nothing that this browser began, or not for this session. `failed`: the
 * provider or the store did not play along; `error` says whether it makes sense to begin again.
 */
export type ConnectOutcome =
  | {
      readonly kind: 'connected'
      readonly grant: GrantStatus
      readonly returnTo: string
      readonly setCookies: readonly string[]
    }
  | {
      readonly kind: 'denied' | 'expired' | 'replayed' | 'forged' | 'failed'
      readonly error: EvergrantError
      /** Where the user came from, where that is known for certain. */
      readonly returnTo: string | undefined
      readonly setCookies: readonly string[]
    }

/** Lets users authorize: an authorization code flow whose state lives in a cookie of the user's browser. */
export interface ConnectFlow {
  /**
   * Begins a flow (PKCE and `state`).
   * @throws TypeError for a `grantId` that cannot be one, or a provider without authorization endpoint
   */
  begin(options: BeginConnectOptions): Promise<BegunConnect>
  /**
   * Ends it: checks that this browser began it, and that it has not ended before; exchanges the code and stores
   * the grant. Resolves also when it failed, because the cookies must go out; no outcome holds the code.
   *
   * @throws `signal.reason` when the signal ends this caller's wait; the exchange goes on
   */
  complete(options: CompleteConnectOptions): Promise<ConnectOutcome>
}

const DAY_MS = 86_400_000

/**
 * Creates the connect flow of one provider. It speaks strings only, so that any web framework can carry it.
 *
 * Begun flows need no session and no store: `state`, PKCE verifier, grant and `returnTo` are sealed (JWE, A256GCM)
 * in a short-lived cookie of their own: HttpOnly, SameSite=Lax, and over https Secure with the `__Host-` prefix.
 * Several flows of one browser do not disturb each other.
 *
 * A flow ends once: its cookie is replaced by a mark that it has ended, and this process remembers it. Not promised:
 * that *another* process notices when a browser sends the old cookie again nevertheless; then the provider refuses
 * the code, which it accepts only once.
 *
 * @throws TypeError naming the option that is wrong
 * @see RFC 6749 section 4.1, RFC 7636, RFC 9700 section 4.7
 */
export function createConnectFlow(options: ConnectFlowOptions): ConnectFlow {
  const { tokens, scope, parameters } = options
  if (typeof tokens?.exchangeCode !== 'function') throw optionError('tokens', 'must be a TokenManager')
  const { redirectUri } = options
  checkEndpoint('redirectUri', redirectUri, false)
  const { secret, lifetimeMs = 600_000, defaultReturnTo = '/', clock = systemClock } = options
  checkNumber('lifetimeMs', lifetimeMs, { min: 1_000, max: DAY_MS })
  const fallback = safeReturnTo(defaultReturnTo)
  if (fallback === undefined)
    throw optionError('defaultReturnTo', "must be a path of this site, beginning with '/'")
  if (scope !== undefined && typeof scope !== 'string') throw optionError('scope', 'must be a string')
  for (const value of Object.values(parameters ?? {}))
    if (typeof value !== 'string') throw optionError('parameters', 'must be strings')
  const request = { redirectUri, scope, parameters: { ...parameters } }
  const seal = createFlowSeal(secret, `${tokens.provider} ${redirectUri}`)
  const cookies = flowCookies(options.cookieName ?? 'evergrant-connect', redirectUri, lifetimeMs)
  const used = createUsedFlows(clock)

  return {
    async begin({ grantId, cookie, returnTo }) {
      checkId('grantId', grantId)
      const { url, state, codeVerifier } = await tokens.authorizationUrl(request)
      const expiresAtMs = clock.now() + lifetimeMs
      const flow = { state, codeVerifier, grantId, returnTo: safeReturnTo(returnTo) ?? fallback, expiresAtMs }
      const setCookies = [...cookies.clearLeftOver(cookie), await cookies.keep(state, await seal.close(flow))]
      return { url, setCookies }
    },

    async complete({ callback, cookie, grantId, signal, timeoutMs }) {
      const state = parametersOf(callback).get('state')
      if (!state) return ended('forged', 'no_state')
      const found = await cookies.find(cookie, state)
      if (found.ended || used.has(found.id)) return ended('replayed', 'flow_replayed', [found.end])
      if (found.sealed === undefined) return ended('forged', 'unknown_flow')
      const flow = await seal.open(found.sealed)
      if (!flow || !sameText(flow.state, state)) return ended('forged', 'unreadable_flow', [found.end])
      // Before the exchange: of two callbacks that come together, one may spend the code.
      if (!used.add(found.id, flow.expiresAtMs)) return ended('replayed', 'flow_replayed', [found.end], flow)
      if (clock.now() >= flow.expiresAtMs) return ended('expired', 'flow_expired', [found.end], flow)
      if (grantId !== undefined && grantId !== flow.grantId)
        return ended('forged', 'other_grant', [found.end])
      const { codeVerifier, returnTo } = flow
      try {
        const exchange = { callback, state, codeVerifier, redirectUri, signal, timeoutMs }
        const grant = await tokens.exchangeCode(flow.grantId, exchange)
        return { kind: 'connected', grant, returnTo, setCookies: [found.end] }
      } catch (error) {
        if (!isEvergrantError(error)) throw error
        return { kind: kindOf(error), error, returnTo, setCookies: [found.end] }
      }
    },
  }
}

function kindOf({ code, reason = '' }: EvergrantError): 'denied' | 'forged' | 'failed' {
  if (code !== 'AUTHORIZATION_FAILED') return 'failed'
  if (reason === 'access_denied') return 'denied'
  return ['invalid_callback', 'no_code'].includes(reason) ? 'forged' : 'failed'
}

function ended(
  kind: 'expired' | 'replayed' | 'forged',
  reason: string,
  setCookies: readonly string[] = [],
  flow?: SealedFlow,
): ConnectOutcome {
  const error = new EvergrantError('AUTHORIZATION_FAILED', 'The authorization did not succeed', {
    reason,
    grantId: flow?.grantId,
  })
  return { kind, error, returnTo: flow?.returnTo, setCookies }
}
