import type { YearPlan } from './plan-year.js'
import type { YearResults } from './year-results.js'

/** A rotation that has its turn at once takes a few round trips; with its minute's budget used up, one window more. */
const LONGEST_WAIT_MS = 5_000

/** What the fleet may keep beside the store's own grants: a thousand in each process's cache, and what goes on. */
const MOST_GROWTH_MB_A_PROCESS = 4

/** What of the promises did not hold, in words. */
export function brokenIn(plan: YearPlan, results: YearResults): readonly string[] {
  const { heapMb, saturation } = results
  const growthMb = heapMb.atTheEnd - heapMb.afterImport
  const [within, beyond] = saturation
  const claims: readonly (readonly [boolean, string])[] = [
    [results.grantsLost === 0, `${results.grantsLost} grants were lost`],
    [results.refused === 0, `${results.refused} refresh tokens were sent twice`],
    [
      results.mostInAnyWindow <= plan.budget.limit,
      `${results.mostInAnyWindow} requests within ${plan.budget.windowMs} ms`,
    ],
    [results.failedOutsideTrouble === 0, `${results.failedOutsideTrouble} callers failed in quiet times`],
    [results.longestWaitMs <= LONGEST_WAIT_MS, `a caller waited ${results.longestWaitMs} ms`],
    [growthMb <= MOST_GROWTH_MB_A_PROCESS * plan.processes, `the fleet's heap grew by ${growthMb} MB`],
    [within?.lapsed === 0, `${within?.lapsed} grants lapsed although the budget should carry them`],
    [(beyond?.lapsed ?? 0) > 0, 'more grants than the budget can carry did not lapse: the limit is wrong'],
  ]
  return claims.filter(([holds]) => !holds).map(([, words]) => words)
}
