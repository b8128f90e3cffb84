import type { Incidents } from './incidents.js'

export const workersAtOnce = 3

/** The fixed scenario of `--once`: every step begins when the fleet has got over the one before. */
export async function scenarioOnce(incidents: Incidents): Promise<void> {
  await incidents.start(workersAtOnce)
  // On a slow machine the first renewal comes while the workers are still starting.
  await incidents.renewalInTime(1)
  await incidents.expireTokens()
  await incidents.killBetweenRequests()
  await incidents.revokeToken()
  await incidents.killHolderOfLease()
  await incidents.expireTokens()
}
