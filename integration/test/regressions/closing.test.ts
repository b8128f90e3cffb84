/** What close() waits for, what it reports, and that it ends. */
import { memoryStore, type TokenManager, type TokenManagerOptions } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { gatedStore } from '../gated-store.js'
import { type SmallFleet, shortTimings } from '../small-fleet.js'
import { cameBack, openFleet, openManager, within } from './scene.js'

/** One manager of a fleet, with a store of its own to hold. */
async function open(options: Partial<TokenManagerOptions> = {}) {
  const fleet = await openFleet({ preset: 'oidcProvider' })
  const store = gatedStore(options.store ?? fleet.store)
  const tokens = openManager({ provider: fleet.facts, timings: shortTimings, ...options, store })
  await tokens.saveGrant('g', fleet.server.issueGrant())
  return { fleet, store, tokens }
}

/** A rotation whose token is spent and whose reply is held. */
async function spent({ server }: SmallFleet, tokens: TokenManager) {
  const gate = server.gate({ path: 'token', when: 'after' })
  const rotated = tokens.getAccessToken('g', { forceRefresh: true }).catch((error: unknown) => error)
  await gate.arrived()
  return { gate, rotated }
}

/** `'closed'`, the error, or `'late'`. */
function closing(tokens: TokenManager, ms: number): Promise<unknown> {
  const closed = tokens.close().then(
    () => 'closed',
    (error: unknown) => error,
  )
  return within(ms, closed)
}

const uncommitted = { code: 'UNCOMMITTED_SUCCESSOR', grantIds: ['g'] }

describe('close waits', () => {
  // It asked the cache which rotations there were.
  it('for the rotation of a grant that had to leave the cache', async () => {
    const { fleet, tokens } = await open({ maxCachedGrants: 1 })
    await tokens.getAccessToken('g')
    const gate = fleet.server.gate({ path: 'token', when: 'after' })
    const calls = [
      tokens.getAccessToken('g', { forceRefresh: true }),
      tokens.getAccessToken('h'),
      tokens.getAccessToken('i'),
    ]
    const results = Promise.allSettled(calls)
    await gate.arrived()
    expect(await closing(tokens, 200)).toBe('late')
    gate.open()
    await tokens.close()
    expect((await results)[0]).toMatchObject({ status: 'fulfilled', value: { generation: 2 } })
    expect((await fleet.store.load({ provider: 'emulated', grantId: 'g' })).record?.generation).toBe(2)
  })

  it('for the rotation of a grant that was revoked meanwhile', async () => {
    const { fleet, tokens } = await open()
    const { gate, rotated } = await spent(fleet, tokens)
    await tokens.revoke('g')
    expect(await closing(tokens, 200)).toBe('late')
    gate.open()
    await tokens.close()
    expect(await rotated).toMatchObject({ code: 'GRANT_NOT_FOUND' })
  })

  // The second close found the manager closed already.
  it('the second time as the first', async () => {
    const { fleet, tokens } = await open()
    const { gate, rotated } = await spent(fleet, tokens)
    const first = tokens.close()
    expect(await closing(tokens, 200)).toBe('late')
    gate.open()
    await Promise.all([first, tokens.close()])
    expect(await rotated).toMatchObject({ generation: 2 })
  })
})

describe('close reports', () => {
  // Only what was in hand when the time was over was counted, not what was still under way.
  it('a token that was spent and whose reply did not come in time', async () => {
    const { fleet, store, tokens } = await open({ closeTimeoutMs: 200 })
    const { gate, rotated } = await spent(fleet, tokens)
    store.away = true
    const outcome = await closing(tokens, 2_000)
    gate.open()
    expect(outcome).toMatchObject(uncommitted)
    await rotated
  })

  // The caller of the exchange was gone, and so was any trace of it.
  it('the reply to a code that could not be stored', async () => {
    const { fleet, store, tokens } = await open({ closeTimeoutMs: 200 })
    const gate = fleet.server.gate({ path: 'token', when: 'after' })
    const leaving = new AbortController()
    const exchanged = tokens.exchangeCode('new', { ...cameBack(fleet.server), signal: leaving.signal })
    await gate.arrived()
    leaving.abort()
    await expect(exchanged).rejects.toMatchObject({ name: 'AbortError' })
    store.away = true
    gate.open()
    expect(await closing(tokens, 2_000)).toMatchObject({ ...uncommitted, grantIds: ['new'] })
  })

  // It waited for the commit itself, for ever.
  it('a successor whose commit never answers, and ends', async () => {
    const { store, tokens } = await open({ closeTimeoutMs: 200 })
    const commit = store.hold('commit', 'before')
    const rotated = tokens.getAccessToken('g', { forceRefresh: true })
    await commit.arrived
    const outcome = await closing(tokens, 2_000)
    commit.open()
    expect(outcome).toMatchObject(uncommitted)
    expect((await rotated).generation).toBe(2)
  })
})

describe('close ends', () => {
  // The error went past it.
  it('the watch also when a successor could not be stored', async () => {
    let watching = 0
    const base = memoryStore()
    const { store, tokens } = await open({
      closeTimeoutMs: 200,
      store: {
        ...base,
        async watch(watcher) {
          const end = await base.watch?.(watcher)
          watching += 1
          return async () => {
            watching -= 1
            await end?.()
          }
        },
      },
    })
    expect(watching).toBe(1)
    const commit = store.hold('commit', 'before')
    const rotated = tokens.getAccessToken('g', { forceRefresh: true })
    await commit.arrived
    store.away = true
    commit.open()
    expect((await rotated).generation).toBe(2)
    expect(await closing(tokens, 2_000)).toMatchObject(uncommitted)
    expect(watching).toBe(0)
  })

  // Nobody had asked whether the manager was closing.
  it('a code exchange that has sent nothing yet', async () => {
    const { fleet, store, tokens } = await open()
    const budget = store.hold('takeBudget', 'after')
    const exchanged = tokens.exchangeCode('new', cameBack(fleet.server))
    const outcome = exchanged.catch((error: unknown) => error)
    await budget.arrived
    const closed = tokens.close()
    budget.open()
    expect(await outcome).toMatchObject({ code: 'CLOSED' })
    await closed
    expect(fleet.server.ledger.tokenRequests()).toHaveLength(0)
  })

  // It waited for the answer, for ever.
  it('though the store never answers whether it will send notices, and ends those when they come', async () => {
    let watching = 0
    let answer = (): void => {}
    const { tokens } = await open({
      timings: { ...shortTimings, storeTimeoutMs: 50 },
      store: {
        ...memoryStore(),
        watch: () =>
          new Promise((resolve) => {
            answer = () => {
              watching += 1
              resolve(async () => {
                watching -= 1
              })
            }
          }),
      },
    })
    expect(await closing(tokens, 2_000)).toBe('closed')
    answer()
    expect(watching).toBe(1)
    await expect.poll(() => watching).toBe(0)
  })

  // Its error went to whoever closed, in place of the grants that may be lost.
  it('with its own report though the driver fails to end the notices', async () => {
    const { store, tokens } = await open({
      closeTimeoutMs: 50,
      store: {
        ...memoryStore(),
        watch: async () => () => Promise.reject(new Error('redis://user:password@host is closed')),
      },
    })
    const commit = store.hold('commit', 'before')
    const rotated = tokens.getAccessToken('g', { forceRefresh: true })
    await commit.arrived
    const outcome = await closing(tokens, 2_000)
    commit.open()
    expect(outcome).toMatchObject(uncommitted)
    await rotated
  })
})
