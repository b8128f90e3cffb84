/**
 * Many requests of two processes under way with the old token while one of the processes rotates: the server has
 * revoked that token, and its reply with the next one is held back until every request was refused.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenManager, oauth2Provider } from '@evergrant/core'
import { startWorker, type Worker } from '@evergrant/store-tests/processes/start'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type OrdersApi, startOrdersApi } from './orders-api.js'
import type { InFlightCall, InFlightJobs, InFlightSetup } from './processes/messages.js'
import { openStore } from './processes/open-store.js'

const CALLS = 200

/** Every second one is a POST, of a few bytes to a few hundred thousand. */
const calls: readonly InFlightCall[] = Array.from({ length: CALLS }, (_, order) => ({
  order,
  postBytes: order % 2 === 0 ? null : order % 20 === 1 ? 300_000 : order,
}))

let folder: string
let server: AuthorizationServer
let api: OrdersApi
let workers: Worker<InFlightJobs>[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-'))
  workers = []
  server = await startAuthorizationServer({ preset: 'oidcProvider', oldAccessToken: 'dies' })
  api = await startOrdersApi(server.apiUrl, CALLS)
})

afterEach(async () => {
  for (const { child } of workers) child.kill('SIGKILL')
  await api.close()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The fleet, which shares one grant through a file. */
async function startFleet(
  sender: InFlightSetup['sender'],
): Promise<[Worker<InFlightJobs>, Worker<InFlightJobs>]> {
  const { clientId, clientSecret, tokenEndpoint } = server
  const apiOrigins = [api.origin]
  const provider = {
    id: 'p',
    clientId,
    clientSecret,
    tokenEndpoint,
    oldAccessToken: 'dies',
    apiOrigins,
  } as const
  const address = { kind: 'sqlite', path: join(folder, 'tokens.db') } as const
  const { store, close } = await openStore(address)
  const tokens = createTokenManager({ provider: oauth2Provider(provider), store })
  await tokens.saveGrant('agency', server.issueGrant())
  await tokens.close()
  await close()
  const program = new URL('./processes/in-flight-worker.ts', import.meta.url)
  const start = async (): Promise<Worker<InFlightJobs>> => {
    const setup = { store: address, provider, apiUrl: api.origin, sender }
    const worker = await startWorker<InFlightJobs>(program, setup)
    workers.push(worker)
    return worker
  }
  return Promise.all([start(), start()])
}

it.each<[string, InFlightSetup['sender']]>([
  ['Axios, http adapter', 'http'],
  ['Axios, fetch adapter', 'fetch'],
  ['fetchWithTokens', 'fetchWithTokens'],
])(
  `${CALLS} requests in flight through %s: all end with 200, one rotation, each body once`,
  async (_, sender) => {
    const [rotating, other] = await startFleet(sender)
    const reports = Promise.all([
      rotating.ask('sendAll', calls.slice(0, CALLS / 2)),
      other.ask('sendAll', calls.slice(CALLS / 2)),
    ])
    await api.arrived
    const reply = server.gate({ path: 'token', when: 'after' })
    const rotated = rotating.ask('rotate')
    await reply.arrived()
    api.letGo()
    await api.refused
    reply.open()

    const [first, second] = await reports
    await rotated
    expect([...first.answers, ...second.answers]).toEqual(calls.map(() => 200))
    expect([first.rotations, second.rotations]).toEqual([1, 0])
    expect(server.ledger.tokenRequests()).toHaveLength(1)
    expect(server.ledger.doubleSpends()).toHaveLength(0)
    // Each was on the old token, which was revoked, and was sent once more.
    expect(server.ledger.apiRequests({ decision: 'unauthenticated' })).toHaveLength(CALLS)
    expect(server.ledger.apiRequests({ decision: 'ok' })).toHaveLength(CALLS)
    expect([...api.taken].sort(([a], [b]) => a - b)).toEqual(
      calls.filter(({ postBytes }) => postBytes !== null).map(({ order, postBytes }) => [order, postBytes]),
    )
  },
)
