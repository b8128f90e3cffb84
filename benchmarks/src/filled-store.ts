import type { OpenedStore, StoreAddress } from './open-store.js'
import type { QueryPlan } from './query-plan.js'

/** A store of this many made-up grants. */
export interface FilledStore extends OpenedStore {
  readonly grants: number
  readonly address: StoreAddress
  /** What its file or its table takes, indexes included. */
  readonly bytes: number
}

/** Where filled stores come from; all of one run lie side by side in one place. */
export interface StoreMaker {
  /** What the numbers depend on, in words. */
  readonly setting: string
  /** Makes an empty store, fills it and opens it. */
  fill(grants: number): Promise<FilledStore>
  /** How the statements of a store's steps find their rows in this store. */
  plansOf(store: FilledStore): Promise<readonly QueryPlan[]>
  close(): Promise<void>
}
