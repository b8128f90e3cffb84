import { type Chance, systemChance } from '../chance.js'
import { checkEndpoint, checkId, checkNumber, optionError } from '../check-options.js'
import type { EventListener } from '../events.js'
import { createGrantCache } from '../grant/grant-cache.js'
import type { ProviderFacts } from '../provider/provider.js'
import { budgetTerms, createBudget } from '../rotation/budget.js'
import { createLine } from '../rotation/line.js'
import { checkTimings, type Timings } from '../rotation/timings.js'
import type { TokenStore } from '../store/token-store.js'
import { type Clock, systemClock } from '../time/clock.js'
import { createStoreClock } from '../time/store-clock.js'
import { createClientPause } from './client-pause.js'
import type { ManagerContext } from './context.js'
import { forgettableCredentials } from './forgettable-credentials.js'
import type { ClientCredentialsGrants } from './load-grant.js'

/** What {@link createTokenManager} takes. */
export interface TokenManagerOptions {
  /** Facts of the authorization server: `passolution({…})`, `oauth2Provider({…})`. */
  readonly provider: ProviderFacts
  /** Where grants are kept, shared by all processes that use them. Never closed by the manager. */
  readonly store: TokenStore
  /** Grants that this client has in its own name (RFC 6749 section 4.4), by id; fetched at first use. */
  readonly clientCredentials?: Readonly<Record<string, { readonly scope?: string }>>
  /** How long a caller waits at most unless it says otherwise, milliseconds. @defaultValue 30 000 */
  readonly timeoutMs?: number
  /** How long `close()` tries to store what was read, milliseconds. @defaultValue 20 000 */
  readonly closeTimeoutMs?: number
  /** Grants kept in this process's memory. @defaultValue 10 000 */
  readonly maxCachedGrants?: number
  /** Told of everything that happens; no event holds a token. */
  readonly onEvent?: EventListener
  /** Used for requests to the provider, e.g. with a proxy. @defaultValue the runtime's `fetch` */
  readonly fetch?: typeof fetch
  /** Durations of the protocol, for unusual providers and for tests. */
  readonly timings?: Partial<Timings>
  /** @defaultValue the runtime's clock */
  readonly clock?: Clock
  /** @defaultValue the runtime's randomness */
  readonly chance?: Chance
}

export interface Settings {
  readonly timeoutMs: number
  readonly closeTimeoutMs: number
  readonly clientCredentials: ClientCredentialsGrants
}

/**
 * Rotations that prepare at once: more of them only slow each other down in the store, until budget slots and leases
 * run out before their bytes can leave. Without a stated budget there is no slot to lose.
 */
const PREPARING = 4
const PREPARING_UNLIMITED = 16

/** Also facts that no factory has made: what leaves for these places is secret. */
function checkTransport(facts: ProviderFacts): void {
  const { dangerouslyAllowHttp = false } = facts
  for (const name of ['tokenEndpoint', 'authorizationEndpoint', 'revocationEndpoint'] as const) {
    const url = facts[name]
    if (name === 'tokenEndpoint' || url !== undefined)
      checkEndpoint(`provider.${name}`, url, dangerouslyAllowHttp)
  }
  for (const origin of facts.apiOrigins) checkEndpoint('provider.apiOrigins', origin, dangerouslyAllowHttp)
}

/** Checks everything once, copies it, and puts the parts of a manager together. */
export function contextFrom(options: TokenManagerOptions): { ctx: ManagerContext; settings: Settings } {
  const { store, onEvent } = options
  if (typeof options.provider !== 'object' || options.provider === null)
    throw optionError('provider', 'is missing')
  const credentials = forgettableCredentials(options.provider.clientAuthentication)
  const facts = { ...options.provider, clientAuthentication: credentials.authenticate }
  checkId('provider.id', facts.id)
  checkTransport(facts)
  if (typeof store?.acquire !== 'function') throw optionError('store', 'must be a TokenStore')
  if (onEvent !== undefined && typeof onEvent !== 'function')
    throw optionError('onEvent', 'must be a function')
  const timeoutMs = checkNumber('timeoutMs', options.timeoutMs ?? 30_000, { min: 0 })
  const closeTimeoutMs = checkNumber('closeTimeoutMs', options.closeTimeoutMs ?? 20_000, { min: 0 })
  const maxCachedGrants = options.maxCachedGrants ?? 10_000
  checkNumber('maxCachedGrants', maxCachedGrants, { min: 1, integer: true })
  const timings = checkTimings(options.timings)
  const { clock = systemClock, chance = systemChance } = options
  const clientCredentials = new Map(
    Object.entries(options.clientCredentials ?? {}).map(([grantId, { scope }]) => {
      checkId('clientCredentials', grantId)
      return [grantId, { scope: scope ?? facts.scope }] as const
    }),
  )
  const terms = budgetTerms(facts, timings.slotMs)
  const width = facts.budget ? PREPARING : PREPARING_UNLIMITED
  const parts = {
    facts,
    store,
    clock,
    chance,
    timings,
    storeClock: createStoreClock(clock),
    questions: { asked: 0 },
    line: createLine({ clock, width, ...terms }),
  }
  const ctx: ManagerContext = {
    ...parts,
    budget: createBudget(parts, terms),
    // Looked up at each call: whoever replaces the global fetch (tests, instrumentation) is heard.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    grants: createGrantCache(maxCachedGrants, facts.oldAccessToken === 'dies'),
    clientPause: createClientPause(clock, chance, timings.armedLeaseMs),
    forgetCredentials: credentials.forget,
    lifecycle: { closing: false, abandoned: false, rotations: new Set(), exchanges: new Map() },
    emit(event) {
      try {
        const returned: unknown = onEvent?.(event)
        if (returned instanceof Promise) returned.catch(() => {})
      } catch {
        // Promised in EventListener: an observer cannot break a rotation, and there is nobody to tell.
      }
    },
  }
  return { ctx, settings: { timeoutMs, closeTimeoutMs, clientCredentials } }
}
