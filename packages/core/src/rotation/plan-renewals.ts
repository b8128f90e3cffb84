import { checkNumber } from '../check-options.js'
import { RENEW_FROM } from '../token-endpoint/successor.js'
import { RESERVED_SHARE } from './budget.js'

/** How many grants, how long their tokens live, and what the provider allows. */
export interface RenewalPlanInput {
  /** How many grants are to be kept alive. */
  readonly grants: number
  /** The shorter of access and refresh token's life, milliseconds. */
  readonly lifetimeMs: number
  /** The token endpoint's limit. */
  readonly budget: { readonly limit: number; readonly windowMs: number }
}

/** Whether a budget can keep that many grants alive, and how much of it that takes. */
export interface RenewalPlan {
  /** Whether keep-alive can renew all of them in time. */
  readonly sufficient: boolean
  /** Requests a window that renewing takes on average. */
  readonly neededPerWindow: number
  /** Requests a window that are open to background work. */
  readonly availablePerWindow: number
  /** The most grants that this budget keeps alive. */
  readonly mostGrants: number
}

/**
 * Whether a budget suffices to keep so many grants alive, before you find out. Counts renewals alone: what callers
 * need on top (forced refreshes, rejected tokens, new authorizations) comes out of the same budget.
 *
 * @throws TypeError naming the option that is wrong
 */
export function planRenewals({ grants, lifetimeMs, budget }: RenewalPlanInput): RenewalPlan {
  checkNumber('grants', grants, { min: 0 })
  checkNumber('lifetimeMs', lifetimeMs, { min: 1 })
  checkNumber('budget.limit', budget.limit, { min: 1 })
  checkNumber('budget.windowMs', budget.windowMs, { min: 1 })
  const perGrantAndWindow = budget.windowMs / (lifetimeMs * RENEW_FROM)
  const availablePerWindow =
    budget.limit - Math.min(budget.limit - 1, Math.ceil(budget.limit * RESERVED_SHARE))
  const neededPerWindow = grants * perGrantAndWindow
  const mostGrants = Math.floor(availablePerWindow / perGrantAndWindow)
  return { sufficient: grants <= mostGrants, neededPerWindow, availablePerWindow, mostGrants }
}
