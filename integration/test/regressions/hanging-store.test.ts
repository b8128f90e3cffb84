/** A step of the store that never ends (a half-open connection, say) blocks nothing for longer than a timeout. */
import { type EvergrantEvent, isEvergrantError } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { gatedStore } from '../gated-store.js'
import { shortTimings } from '../small-fleet.js'
import { openFleet, openManager, sleep, within } from './scene.js'

const storeTimeoutMs = 200

async function openScene() {
  const fleet = await openFleet({ preset: 'oidcProvider' })
  const store = gatedStore(fleet.store)
  const events: EvergrantEvent[] = []
  const tokens = openManager({
    provider: fleet.facts,
    store,
    timings: { ...shortTimings, storeTimeoutMs },
    onEvent: (event) => events.push(event),
  })
  await tokens.saveGrant('g', fleet.server.issueGrant(), { receivedAtMs: 0 })
  return { ...fleet, store, tokens, events }
}

describe('a store that never answers', () => {
  it.each(['acquire', 'takeBudget', 'arm', 'release', 'commit'] as const)(
    'to one %s holds the rotation up for a moment',
    async (step) => {
      const { server, store, tokens } = await openScene()
      // A release follows what was not sent.
      if (step === 'release') server.faults.add({ kind: 'status', status: 429, retryAfterMs: 0 })
      const gate = store.hold(step, 'before')
      const rotated = tokens.getAccessToken('g')
      await gate.arrived
      expect(await within(5_000, rotated)).toMatchObject({ generation: 2 })
      expect(server.ledger.rotations()).toHaveLength(1)
      expect(server.ledger.doubleSpends()).toHaveLength(0)
      await expect.poll(async () => (await tokens.status('g'))?.generation).toBe(2)
      gate.open()
    },
  )

  it('says so to a caller who cannot wait, before his deadline', async () => {
    const { store, tokens } = await openScene()
    store.hold('acquire', 'before')
    const refused = tokens.getAccessToken('g', { timeoutMs: storeTimeoutMs + 20 }).catch((error) => error)
    expect(await refused).toMatchObject({ code: 'STORE_UNAVAILABLE', reason: 'timeout' })
  })

  it.each(['load', 'list', 'remove'] as const)('fails a call that needs %s', async (step) => {
    const { store, tokens } = await openScene()
    store.hold(step, 'before')
    const calls = {
      load: () => tokens.status('g'),
      list: () => tokens.list(),
      remove: () => tokens.revoke('g'),
    }
    await expect(calls[step]()).rejects.toSatisfy((error) => isEvergrantError(error, 'STORE_UNAVAILABLE'))
  })
})

describe('a step that arrives when nobody waits for it any more', () => {
  const late = { code: 'STORE_UNAVAILABLE', reason: 'timeout' }

  it('saves no authorization over a newer one', async () => {
    const { server, store, tokens } = await openScene()
    const save = store.hold('save', 'before')
    await expect(tokens.saveGrant('g', server.issueGrant())).rejects.toMatchObject(late)
    const { chain } = await tokens.saveGrant('g', server.issueGrant())
    save.open()
    await sleep(20)
    expect(await tokens.status('g')).toMatchObject({ chain })
  })

  it('saves nothing after a removal', async () => {
    const { server, store, tokens } = await openScene()
    const save = store.hold('save', 'before')
    await expect(tokens.saveGrant('g', server.issueGrant())).rejects.toMatchObject(late)
    await tokens.revoke('g')
    save.open()
    await sleep(20)
    expect(await tokens.status('g')).toBeUndefined()
  })

  it('removes no newer authorization', async () => {
    const { server, store, tokens } = await openScene()
    const remove = store.hold('remove', 'before')
    await expect(tokens.revoke('g')).rejects.toMatchObject(late)
    const { chain } = await tokens.saveGrant('g', server.issueGrant())
    remove.open()
    await sleep(20)
    expect(await tokens.status('g')).toMatchObject({ chain })
  })
})

describe('an attempt', () => {
  // The release of the first hold, repeated by the network, freed the second and took its armed attempt away.
  it('has a name of its own after each release, so that a late release frees no later lease', async () => {
    const fleet = await openFleet({ preset: 'oidcProvider' })
    const attempts: string[] = []
    const tokens = openManager({
      provider: fleet.facts,
      timings: shortTimings,
      store: {
        ...fleet.store,
        acquire(request) {
          attempts.push(request.attempt)
          return fleet.store.acquire(request)
        },
      },
    })
    await tokens.saveGrant('g', fleet.server.issueGrant(), { receivedAtMs: 0 })
    fleet.server.faults.add({ kind: 'status', status: 429, retryAfterMs: 0 })
    expect((await tokens.getAccessToken('g')).generation).toBe(2)
    expect(new Set(attempts).size).toBe(2)
  })
})
