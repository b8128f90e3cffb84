/** Nothing that others throw ends the process as an unhandled rejection, and nothing piles up. */
import { getEventListeners } from 'node:events'
import { createTokenManager, type EvergrantEvent, memoryStore, oauth2Provider } from '@evergrant/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { gatedStore } from '../gated-store.js'
import { type SmallFleet, shortTimings } from '../small-fleet.js'
import { eventOf, openFleet, openManager, sleep } from './scene.js'

/** Collects unhandled rejections instead of failing by them. */
function collectUnhandled(): unknown[] {
  const seen: unknown[] = []
  const before = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (error) => seen.push(error))
  onTestFinished(() => {
    process.removeAllListeners('unhandledRejection')
    for (const listener of before) process.on('unhandledRejection', listener)
  })
  return seen
}

/** A manager whose client authentication fails, as one does whose keys lie in a service that is away. */
function withoutKeys({ server }: SmallFleet) {
  const events: EvergrantEvent[] = []
  const provider = oauth2Provider({
    id: 'p',
    clientId: 'c',
    tokenEndpoint: server.tokenEndpoint,
    clientAuthentication: () => Promise.reject(new Error('the key service is away')),
  })
  const store = memoryStore()
  const tokens = openManager({ provider, store, onEvent: (event) => events.push(event) })
  return { tokens, events }
}

describe('a client authentication that fails', () => {
  // The rotation was started and forgotten: its failure was nobody's.
  it('during a renewal behind the callers does not end the process', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const unhandled = collectUnhandled()
    const { tokens, events } = withoutKeys(fleet)
    const receivedAtMs = Date.now() - 3_000_000
    await tokens.saveGrant('g', { ...fleet.server.issueGrant(), expires_in: 3600 }, { receivedAtMs })
    expect((await tokens.getAccessToken('g')).generation).toBe(1)
    await eventOf(events, 'grant.rotation_failed')
    await sleep(20)
    expect(unhandled).toEqual([])
  })

  it('while a caller waits is told as an error of ours, and the token at hand works on', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const unhandled = collectUnhandled()
    const { tokens } = withoutKeys(fleet)
    await tokens.saveGrant('g', fleet.server.issueGrant())
    const forced = tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 2_000 })
    await expect(forced).rejects.toMatchObject({ name: 'EvergrantError', code: 'UNEXPECTED', grantId: 'g' })
    expect((await tokens.getAccessToken('g')).generation).toBe(1)
    await sleep(20)
    expect(unhandled).toEqual([])
  })

  // The lease was left to run out.
  it('leaves the lease free for a process whose keys are there', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const [a, b] = [fleet.member(), openManager({ provider: brokenFacts(fleet), store: fleet.store })]
    await a.tokens.saveGrant('g', fleet.server.issueGrant())
    await expect(b.getAccessToken('g', { forceRefresh: true })).rejects.toMatchObject({ code: 'UNEXPECTED' })
    const rotated = a.tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 1_000 })
    expect((await rotated).generation).toBe(2)
  })
})

/** The fleet's provider without its keys. */
function brokenFacts({ facts }: SmallFleet): SmallFleet['facts'] {
  return { ...facts, clientAuthentication: () => Promise.reject(new Error('the key service is away')) }
}

describe('a listener that rejects', () => {
  // Only what it threw at once was caught.
  it('ends no process', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const unhandled = collectUnhandled()
    let told = 0
    const tokens = openManager({
      provider: fleet.facts,
      store: memoryStore(),
      onEvent: (): unknown => {
        told += 1
        return Promise.reject(new Error('of the listener'))
      },
    })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    await sleep(20)
    expect(told).toBe(1)
    expect(unhandled).toEqual([])
  })
})

describe('a close that reports what could not be stored', () => {
  // Keep-alive was waited for first, and the report meanwhile was nobody's (simulation, seed 300428).
  it('while a renewal of keep-alive is under way is told once, to whoever closes', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const unhandled = collectUnhandled()
    const store = gatedStore(fleet.store)
    const tokens = openManager({
      provider: fleet.facts,
      timings: shortTimings,
      store,
      closeTimeoutMs: 50,
    })
    const receivedAtMs = Date.now() - 3_000_000
    await tokens.saveGrant('g', { ...fleet.server.issueGrant(), expires_in: 3600 }, { receivedAtMs })
    const commit = store.hold('commit', 'before', 'every')
    tokens.start({ sweepIntervalMs: 1_000 })
    await commit.arrived
    const report = { code: 'UNCOMMITTED_SUCCESSOR', grantIds: ['g'] }
    await expect(tokens.close()).rejects.toMatchObject(report)
    await sleep(20)
    commit.open()
    expect(unhandled).toEqual([])
  })
})

describe('a store without notices', () => {
  // The first call began the watch, and failed with it.
  it('that throws at once when asked for them refuses no call', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const events: EvergrantEvent[] = []
    const tokens = openManager({
      provider: fleet.facts,
      store: {
        ...memoryStore(),
        watch() {
          throw new Error('no pub/sub here')
        },
      },
      onEvent: (event) => events.push(event),
    })
    await tokens.saveGrant('g', fleet.server.issueGrant())
    expect((await tokens.getAccessToken('g', { forceRefresh: true })).generation).toBe(2)
    await eventOf(events, 'store.watch_failed')
    await expect(tokens.close()).resolves.toBeUndefined()
  })

  // What threw at once was taken for a watch that stands.
  it('that throws at once is asked again after a while', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    let asked = 0
    const tokens = openManager({
      provider: fleet.facts,
      clock: fleet.clock,
      store: {
        ...fleet.store,
        watch() {
          asked += 1
          throw new Error('no pub/sub yet')
        },
      },
    })
    await tokens.status('g')
    await tokens.status('g')
    expect(asked).toBe(1)
    fleet.clock.jump(11_000)
    await tokens.status('g')
    expect(asked).toBe(2)
  })
})

describe('ten thousand callers with one signal', () => {
  // Each had a listener of its own, and Node warned of a leak.
  it('share one request, leave no listener, and make nobody warn', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const warnings: string[] = []
    const onWarning = ({ name }: Error): unknown => warnings.push(name)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    const tokens = createTokenManager({ provider: fleet.facts, store: memoryStore() })
    await tokens.saveGrant('g', fleet.server.issueGrant(), { receivedAtMs: 0 })
    const { signal } = new AbortController()
    const calls = Array.from({ length: 10_000 }, () => tokens.getAccessToken('g', { signal }))
    const generations = new Set((await Promise.all(calls)).map(({ generation }) => generation))
    await tokens.close()
    await sleep(20)
    expect([...generations]).toEqual([2])
    expect(fleet.server.ledger.tokenRequests()).toHaveLength(1)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(warnings).toEqual([])
  })
})
