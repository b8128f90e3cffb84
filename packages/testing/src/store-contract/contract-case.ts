import type { TokenStore } from '@evergrant/core'
import type { ContractWorld } from './contract-world.js'

/** A store under test, as `open` of {@link StoreContractOptions} gives it. */
export interface OpenedStore {
  /** Empty, and used by nobody else. */
  readonly store: TokenStore
  /**
   * Another handle on the same data, as another process would have it. A store that lives in the memory of
   * this process may give the same one.
   */
  openSecond(): Promise<TokenStore>
  /**
   * Moves the clock of both handles on by `ms`. Leave it out for a store with a clock of its own: the suite
   * then uses short times and waits until that clock has passed them.
   */
  readonly advance?: ((ms: number) => void | Promise<void>) | undefined
  /** Closes both handles and removes the data. */
  close(): Promise<void>
}

/** Options of `storeContract`. */
export interface StoreContractOptions {
  /** Called once per case. */
  open(): Promise<OpenedStore>
}

/** One statement of the contract with its proof: give both to your test runner. */
export interface ContractCase {
  /** The method, then behaviour and condition. Unique within the suite. */
  readonly name: string
  /** Rejects with an `AssertionError` when the store breaks the statement. */
  run(): Promise<void>
}

/** What the files of this folder hold: name and proof. */
export type ContractChecks = Readonly<Record<string, (world: ContractWorld) => Promise<void>>>
