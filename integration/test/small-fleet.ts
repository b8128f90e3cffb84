import {
  type Clock,
  createTokenManager,
  type EvergrantEvent,
  memoryStore,
  oauth2Provider,
  type ProviderFacts,
  systemClock,
  type Timings,
  type TokenManager,
  type TokenStore,
} from '@evergrant/core'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '@evergrant/testing'
import { type GatedStore, gatedStore } from './gated-store.js'

/** Long enough to force a race in, short enough to wait out. */
export const shortTimings: Partial<Timings> = {
  leaseMs: 2_000,
  requestTimeoutMs: 3_000,
  armedLeaseMs: 4_000,
  settleMs: 600,
  maxHoldMs: 20_000,
  minRotationIntervalMs: 0,
}

/** Real time that can jump: every process and the store jump together, as machines that were suspended do. */
export interface JumpingClock extends Clock {
  jump(ms: number): void
}

export function jumpingClock(): JumpingClock {
  let offsetMs = 0
  return {
    ...systemClock,
    now: () => systemClock.now() + offsetMs,
    monotonic: () => systemClock.monotonic() + offsetMs,
    jump(ms) {
      offsetMs += ms
    },
  }
}

export interface Member {
  readonly tokens: TokenManager
  readonly store: GatedStore
  readonly events: EvergrantEvent[]
}

export interface SmallFleet {
  readonly server: AuthorizationServer
  readonly clock: JumpingClock
  readonly store: TokenStore
  readonly facts: ProviderFacts
  member(): Member
  close(): Promise<void>
}

/** Several managers, as several processes would have them, on one store and one server. */
export async function startFleet(
  server: AuthorizationServerOptions & { readonly preset: NonNullable<AuthorizationServerOptions['preset']> },
  facts: Partial<Parameters<typeof oauth2Provider>[0]> = {},
): Promise<SmallFleet> {
  const clock = jumpingClock()
  const running = await startAuthorizationServer({ ...server, requestFormats: ['form', 'json'] })
  const store = memoryStore({ now: clock.now })
  const members: Member[] = []
  const provider = oauth2Provider({
    id: 'emulated',
    clientId: running.clientId,
    clientSecret: running.clientSecret,
    tokenEndpoint: running.tokenEndpoint,
    revocationEndpoint: running.revocationEndpoint,
    ...facts,
  })
  return {
    server: running,
    clock,
    store,
    facts: provider,
    member() {
      const events: EvergrantEvent[] = []
      const own = gatedStore(store)
      const tokens = createTokenManager({
        provider,
        store: own,
        clock,
        timings: shortTimings,
        onEvent: (event) => events.push(event),
      })
      const member = { tokens, store: own, events }
      members.push(member)
      return member
    },
    async close() {
      for (const { store: own } of members) own.away = false
      await Promise.all(members.map(({ tokens }) => tokens.close()))
      await running.close()
    },
  }
}
