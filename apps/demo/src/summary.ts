import type { View } from './panel.js'
import { brokenPromises, budgetPerMinute, type Totals } from './totals.js'

/** The numbers of one instant in one line. */
export function statusLine({ totals, requestsInLastMinute: used }: View): string {
  const { calls, failures, rotations, doubleSpends, familiesRevoked, kills } = totals
  return [
    `calls ${calls}, failures ${failures}, rotations ${rotations} (${used}/${budgetPerMinute} a minute),`,
    `double spends ${doubleSpends}, families revoked ${familiesRevoked}, kills ${kills}`,
  ].join(' ')
}

/** The last words of the show. */
export function summary(totals: Totals, elapsedMs: number): readonly string[] {
  const broken = brokenPromises(totals)
  const { calls, failures, processes, kills, rotations, tokenRequests } = totals
  return [
    '',
    `${Math.round(elapsedMs / 1000)} s: ${calls} calls by ${processes} processes, ${failures} failed; ${kills} killed`,
    `${rotations} rotations by ${tokenRequests} token requests, at most ${totals.maxTokenRequestsInAnyMinute} in any minute (${budgetPerMinute} allowed)`,
    `double spends ${totals.doubleSpends}, families revoked ${totals.familiesRevoked}`,
    broken.length === 0 ? 'Every promise was kept.' : `Broken: ${broken.join(', ')}.`,
  ]
}
