import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createTokenManager, oauth2Provider, type TokenManager } from '@evergrant/core'
import { ioredisStore } from '@evergrant/store-redis'
import { startRedis } from '@evergrant/store-tests/redis-server'
import { spawnAuthorizationServer } from '@evergrant/testing'
import { Redis } from 'ioredis'
import { median } from './durations.js'
import { emulatedProvider } from './emulated-provider.js'
import type { FleetOrder, FleetReport, FleetSetup } from './fleet-messages.js'
import type { Measured } from './measured.js'
import { startOwnProcess } from './own-process.js'
import { savePolled } from './polling-lock.js'

const PROCESSES = 4
const CALLERS = 1_000
const WARM_UP = 3
const ROUNDS = 25
/** Aim: how many times sooner the last loser is served. */
const LEAST_RATIO = 5

/**
 * Four processes, a thousand callers in each, one Redis: from the moment the new tokens are stored to the last caller
 * of the last other process served. Beside it the same with a lock that is polled as `redlock` does.
 */
export async function fleet(show: (line: string) => void): Promise<Measured> {
  const server = await spawnAuthorizationServer({ preset: 'oidcProvider' })
  const redisServer = await startRedis()
  const redis = new Redis(redisServer.url)
  const provider = emulatedProvider(server)
  const tokens = createTokenManager({
    provider: oauth2Provider(provider),
    store: ioredisStore({ client: redis }),
  })
  const setup: FleetSetup = { redisUrl: redisServer.url, provider, callers: CALLERS }
  const children = await Promise.all(
    Array.from({ length: PROCESSES }, async () => (await startOwnProcess('./fleet-process.ts', setup)).child),
  )
  const lateMs = { ours: [] as number[], polling: [] as number[] }
  try {
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      const ours = await play(children, { kind: 'ours', chain: await saveExpired(tokens, server) })
      const { refresh_token: refreshToken } = await server.issueGrant()
      await savePolled(redis, { accessToken: 'expired', refreshToken, expiresAtMs: 0 })
      const polling = await play(children, { kind: 'polling' })
      if (round < 0) continue
      lateMs.ours.push(ours)
      lateMs.polling.push(polling)
    }
    const requests = (await server.ledger()).tokenRequests().length
    return judged(lateMs, requests, show)
  } finally {
    for (const child of children) child.disconnect()
    await tokens.close()
    await redis.quit()
    await redisServer.stop()
    await server.close()
  }
}

function judged(
  lateMs: { readonly ours: readonly number[]; readonly polling: readonly number[] },
  requests: number,
  show: (line: string) => void,
): Measured {
  const ratio = Number((median(lateMs.polling) / median(lateMs.ours)).toFixed(1))
  const expected = 2 * (ROUNDS + WARM_UP)
  const oursMs = Number(median(lateMs.ours).toFixed(2))
  const pollingMs = Number(median(lateMs.polling).toFixed(2))
  show(
    `${PROCESSES} processes × ${CALLERS} callers on Redis, ${ROUNDS} rounds, from commit to the last loser served:`,
  )
  show(
    `Evergrant ${oursMs} ms, a polled lock ${pollingMs} ms (medians): ${ratio} × sooner; ${requests} token requests`,
  )
  const problems = []
  if (ratio < LEAST_RATIO) problems.push(`the fleet is served only ${ratio} × sooner than by polling`)
  if (requests !== expected) problems.push(`${requests} token requests where ${expected} were due`)
  return {
    ratios: { fleetVsPolling: ratio },
    results: { oursMs, pollingMs, rounds: ROUNDS, requests },
    problems,
  }
}

async function saveExpired(
  tokens: TokenManager,
  server: { issueGrant(): Promise<{ readonly access_token: string }> },
): Promise<string> {
  const { chain } = await tokens.saveGrant('agency', await server.issueGrant(), { receivedAtMs: 0 })
  return chain
}

/** How much later than the commit the last caller of another process was served. */
async function play(children: readonly ChildProcess[], order: FleetOrder): Promise<number> {
  const answers = children.map(async (child) => (await once(child, 'message'))[0] as FleetReport)
  for (const child of children) child.send(order)
  const reports = await Promise.all(answers)
  const winners = reports.filter(({ committedAtMs }) => committedAtMs !== undefined)
  const losers = reports.filter(({ committedAtMs }) => committedAtMs === undefined)
  if (winners.length !== 1 || new Set(reports.map(({ token }) => token)).size !== 1) {
    throw new Error(`${winners.length} processes have fetched tokens, ${order.kind}`)
  }
  return Math.max(...losers.map(({ servedAtMs }) => servedAtMs)) - (winners[0]?.committedAtMs ?? 0)
}
