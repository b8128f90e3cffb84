import { armChecks } from './arm.js'
import { authorizationChecks } from './authorization.js'
import { budgetChecks } from './budget.js'
import { commitChecks } from './commit.js'
import { concurrencyChecks } from './concurrency.js'
import type { ContractCase, ContractChecks, StoreContractOptions } from './contract-case.js'
import { createContractWorld } from './contract-world.js'
import { failChecks } from './fail.js'
import { interleavingChecks } from './interleaving.js'
import { leaseChecks } from './lease.js'
import { listingChecks } from './listing.js'
import { releaseChecks } from './release.js'
import { removalChecks } from './removal.js'
import { renewalChecks } from './renewal.js'
import { separationChecks } from './separation.js'
import { watchChecks } from './watch.js'

const subjects: readonly ContractChecks[] = [
  authorizationChecks,
  leaseChecks,
  armChecks,
  releaseChecks,
  commitChecks,
  failChecks,
  removalChecks,
  budgetChecks,
  renewalChecks,
  listingChecks,
  watchChecks,
  interleavingChecks,
  separationChecks,
  concurrencyChecks,
]

/**
 * The contract of `TokenStore` as cases for any test runner: vitest, Jest, node:test.
 *
 * Each case opens its own store, and closes it however it ends. There is nothing to leave out: a store that
 * fails one of them can lose a grant or spend a token twice. What one process cannot show (durability, a
 * holder that dies) is left to the store's own tests.
 *
 * ```ts
 * describe('my store', () => {
 *   for (const { name, run } of storeContract({ open })) it(name, run)
 * })
 * ```
 *
 * @param options - `open` gives an empty store; called once per case.
 * @returns The cases, in the order in which they read best. `run` rejects with an `AssertionError`.
 */
export function storeContract({ open }: StoreContractOptions): readonly ContractCase[] {
  return subjects.flatMap((checks) =>
    Object.entries(checks).map(([name, check]) => ({
      name,
      async run() {
        const opened = await open()
        try {
          await check(createContractWorld(opened))
        } finally {
          await opened.close()
        }
      },
    })),
  )
}
