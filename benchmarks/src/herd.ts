import { createTokenManager, memoryStore, oauth2Provider, systemClock } from '@evergrant/core'
import { spawnAuthorizationServer } from '@evergrant/testing'
import { median } from './durations.js'
import { emulatedProvider } from './emulated-provider.js'
import { handWrittenSingleFlight } from './hand-written-single-flight.js'
import type { Measured } from './measured.js'
import { refreshByHand } from './refresh-by-hand.js'

const CALLERS = 10_000
const WARM_UP = 5
const ROUNDS = 40
const LIFETIME_MS = 3_600_000
/** Aim: how long ten thousand callers wait at an expiry, over what they wait for code that does nothing else. */
const MOST_RATIO = 1.2

/**
 * Ten thousand callers find the token expired at the same moment: from the first call to the last caller served, with
 * a token request to a real server in between, beside a single-flight written by hand that keeps its tokens in a
 * variable and does nothing else.
 */
export async function herd(show: (line: string) => void): Promise<Measured> {
  const server = await spawnAuthorizationServer({ preset: 'auth0', accessTokenLifetimeMs: LIFETIME_MS })
  // The clocks of this process run ahead as far as it takes for the token to be old.
  let aheadMs = 0
  const now = (): number => systemClock.now() + aheadMs
  const clock = { ...systemClock, now, monotonic: () => systemClock.monotonic() + aheadMs }
  const provider = emulatedProvider(server)
  const tokens = createTokenManager({
    provider: oauth2Provider(provider),
    store: memoryStore({ now }),
    clock,
  })
  try {
    await tokens.saveGrant('agency-42', await server.issueGrant())
    const { refresh_token } = await server.issueGrant()
    const byHand = handWrittenSingleFlight(refreshByHand(provider, now), refresh_token, now)
    const ms = { ours: [] as number[], byHand: [] as number[] }
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      aheadMs += 2 * LIFETIME_MS
      const ours = await timeCallers(async () => (await tokens.getAccessToken('agency-42')).reveal())
      const theirs = await timeCallers(() => byHand.getAccessToken())
      if (round < 0) continue
      ms.ours.push(ours)
      ms.byHand.push(theirs)
    }
    return judged(ms, (await server.ledger()).tokenRequests().length, show)
  } finally {
    await tokens.close()
    await server.close()
  }
}

async function timeCallers(call: () => Promise<string>): Promise<number> {
  const beganMs = performance.now()
  const answers = await Promise.all(Array.from({ length: CALLERS }, call))
  const tookMs = performance.now() - beganMs
  if (new Set(answers).size !== 1) throw new Error('callers got different tokens')
  return tookMs
}

function judged(
  ms: { readonly ours: readonly number[]; readonly byHand: readonly number[] },
  requests: number,
  show: (line: string) => void,
): Measured {
  // Round by round: neighbours ran under the same load.
  const ratio = Number(median(ms.ours.map((each, i) => each / (ms.byHand[i] ?? Number.NaN))).toFixed(2))
  const [oursMs, byHandMs] = [ms.ours, ms.byHand].map((each) => Number(median(each).toFixed(2)))
  const expected = 2 * (ROUNDS + WARM_UP)
  show(
    `${CALLERS} callers at an expiry, ${ROUNDS} rounds, from the first call to the last caller served (medians):`,
  )
  show(`Evergrant ${oursMs} ms, a hand-written single-flight ${byHandMs} ms: ${ratio} ×`)
  const problems = []
  if (ratio > MOST_RATIO) problems.push(`a herd waits ${ratio} × as long as for a hand-written single-flight`)
  if (requests !== expected) problems.push(`${requests} token requests where ${expected} were due`)
  return {
    ratios: { herdVsHandwritten: ratio },
    results: { oursMs, byHandMs, rounds: ROUNDS, requests },
    problems,
  }
}
