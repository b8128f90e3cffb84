import type { Chance } from '../chance.js'
import type { EvergrantEvent } from '../events.js'
import type { GrantCache } from '../grant/grant-cache.js'
import type { ProviderFacts } from '../provider/provider.js'
import type { Budget } from '../rotation/budget.js'
import type { Line } from '../rotation/line.js'
import type { Rotation } from '../rotation/rotation.js'
import type { Timings } from '../rotation/timings.js'
import type { TokenStore } from '../store/token-store.js'
import type { Alarm } from '../time/alarm.js'
import type { Clock } from '../time/clock.js'
import type { StoreClock } from '../time/store-clock.js'
import type { ClientPause } from './client-pause.js'

/** What every part of one token manager works with. */
export interface ManagerContext {
  readonly facts: ProviderFacts
  readonly store: TokenStore
  readonly storeClock: StoreClock
  readonly clock: Clock
  readonly chance: Chance
  readonly fetch: typeof fetch
  readonly timings: Timings
  readonly grants: GrantCache
  readonly clientPause: ClientPause
  readonly budget: Budget
  /** The rotations that have nothing on the wire yet. */
  readonly line: Line
  readonly lifecycle: Lifecycle
  /** How many questions the store was asked: tells which answers may have crossed. */
  readonly questions: { asked: number }
  emit(event: EvergrantEvent): void
  /** From here on no request can be made in the client's name. */
  forgetCredentials(): void
}

/** `closing`: nothing new is sent. `abandoned`: what could not be stored until now is given up. */
export interface Lifecycle {
  closing: boolean
  abandoned: boolean
  readonly rotations: Set<Rotation>
  readonly exchanges: Map<Promise<unknown>, CodeExchange>
}

/** A code on its way to become a grant. */
export interface CodeExchange {
  readonly grantId: string
  /** The code may be spent. */
  hasSent: boolean
  /** Rings when it need not wait any longer: for its turn, or for the store. */
  readonly alarm: Alarm
}
