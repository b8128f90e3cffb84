/** A process stopped in the middle of a rotation for longer than its lease, as a sleeping laptop stops it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenManager, oauth2Provider } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { startWorker, type Worker } from '@evergrant/store-tests/processes/start'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FreezableJobs, FreezeOrder, WorkerSetup } from './processes/messages.js'

let server: AuthorizationServer
let folder: string
let workers: Worker<FreezableJobs>[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-'))
  workers = []
  server = await startAuthorizationServer({ preset: 'oidcProvider', oldAccessToken: 'dies' })
})

afterEach(async () => {
  for (const { child } of workers) child.kill('SIGKILL')
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

async function start(): Promise<Worker<FreezableJobs>> {
  const { clientId, clientSecret, tokenEndpoint, apiUrl } = server
  const provider = { id: 'p', clientId, clientSecret, tokenEndpoint, oldAccessToken: 'dies' } as const
  const program = new URL('./processes/freezable-worker.ts', import.meta.url)
  const setup: WorkerSetup = { path: join(folder, 'tokens.db'), provider, apiUrl }
  const worker = await startWorker<FreezableJobs>(program, setup)
  workers.push(worker)
  return worker
}

const shapes = {
  'both clocks run on': { wall: false, monotonic: false },
  'the monotonic clock stands still': { wall: false, monotonic: true },
  'both clocks stand still': { wall: true, monotonic: true },
}

/** Every await between lease and bytes. After arm only a clock can tell; with both still, nothing can. */
const points: (Required<FreezeOrder> & { readonly clocks: (keyof typeof shapes)[] })[] = [
  { step: 'acquire', when: 'after', clocks: ['both clocks run on', 'both clocks stand still'] },
  {
    step: 'takeBudget',
    when: 'after',
    clocks: ['the monotonic clock stands still', 'both clocks stand still'],
  },
  {
    step: 'arm',
    when: 'before',
    clocks: ['both clocks run on', 'the monotonic clock stands still', 'both clocks stand still'],
  },
  { step: 'arm', when: 'after', clocks: ['both clocks run on', 'the monotonic clock stands still'] },
]
const cases = points.flatMap(({ step, when, clocks }) => clocks.map((clock) => [when, step, clock] as const))

describe('a process frozen for longer than its lease', () => {
  it.each(cases)('%s %s, %s: does not send what another has spent since', async (when, step, clock) => {
    const store = sqliteStore({ path: join(folder, 'tokens.db') })
    const { clientId, clientSecret, tokenEndpoint } = server
    const tokens = createTokenManager({
      provider: oauth2Provider({ id: 'p', clientId, clientSecret, tokenEndpoint }),
      store,
    })
    await tokens.saveGrant('agency', server.issueGrant(), { receivedAtMs: 0 })
    const [frozen, other] = await Promise.all([start(), start()])
    const beforeLeaseMs = Date.now()
    const rotated = frozen.ask('rotate', { step, when })
    await frozen.ask('isThere')
    frozen.child.kill('SIGSTOP')
    const stoppedMs = Date.now()

    expect(await other.ask('rotate', {})).toBe(2)
    // Its lease of 400 ms was waited out.
    expect(Date.now() - beforeLeaseMs).toBeGreaterThanOrEqual(399)

    frozen.child.kill('SIGCONT')
    const frozenForMs = Date.now() - stoppedMs
    const { wall, monotonic } = shapes[clock]
    await frozen.ask('goOn', {
      wallMs: wall ? frozenForMs : 0,
      monotonicMs: monotonic ? frozenForMs : 0,
    })
    expect(await rotated).toBe(2)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
    expect(server.ledger.doubleSpends()).toHaveLength(0)
    expect(server.ledger.familiesRevoked()).toHaveLength(0)
    await tokens.close()
    await store.close()
  })
})
