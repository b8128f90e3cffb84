import type { StoreWatcher } from '@evergrant/core'
import type { SimProcess } from './sim-process.js'

/** Who hears of changes in the store. */
export interface Subscription {
  readonly process: SimProcess
  readonly watcher: StoreWatcher
}

/** What lasts for a while and befalls everything that meets it. */
export interface Conditions {
  /** No fault of any kind: at the beginning and at the end. */
  calm: boolean
  storeDown: boolean
  /** Processes that cannot reach the store. */
  readonly cutOff: Set<SimProcess>
  /** Providers that nobody can reach. */
  readonly providersDown: Set<string>
  /** Providers whose API refuses every token. */
  readonly apisRefusing: Set<string>
  readonly watchers: Set<Subscription>
}

export function createConditions(): Conditions {
  return {
    calm: true,
    storeDown: false,
    cutOff: new Set(),
    providersDown: new Set(),
    apisRefusing: new Set(),
    watchers: new Set(),
  }
}
