import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createTokenManager,
  ESCROW_PROVIDER,
  EvergrantError,
  escrowed,
  memoryStore,
  oauth2Provider,
  type TokenStore,
} from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { type AuthorizationServer, startAuthorizationServer, storeContract } from '@evergrant/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type GatedStore, gatedStore } from './gated-store.js'
import { shortTimings } from './small-fleet.js'

describe('escrowed(memory, memory) keeps the contract', () => {
  const cases = storeContract({
    async open() {
      let offsetMs = 0
      const now = () => Date.now() + offsetMs
      const remote = memoryStore({ now })
      const local = memoryStore({ now })
      return {
        store: escrowed(remote, local),
        openSecond: async () => escrowed(remote, local),
        advance: (ms: number) => {
          offsetMs += ms
        },
        close: async () => {},
      }
    },
  })
  it.each(cases.map(({ name, run }) => [name, run] as const))('%s', async (_, run) => run())
})

const key = { provider: 'p', grantId: 'g' }
const pairOf = (secret: string) => ({ secret, expiresAtMs: null, renewAtMs: null })
const down = new EvergrantError('STORE_UNAVAILABLE', 'away')

let server: AuthorizationServer
let folder: string
let remote: GatedStore
let remoteInner: TokenStore
let closing: (() => Promise<void>)[]

beforeEach(async () => {
  server = await startAuthorizationServer({ preset: 'oidcProvider' })
  folder = mkdtempSync(join(tmpdir(), 'evergrant-'))
  remoteInner = memoryStore()
  remote = gatedStore(remoteInner)
  closing = []
})

afterEach(async () => {
  remote.away = false
  for (const close of closing.reverse()) await close().catch(() => {})
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A process of this machine: its own handle on the remote store and on the escrow file. */
function processOn(store: TokenStore) {
  const local = sqliteStore({ path: join(folder, 'escrow.db') })
  const { clientId, clientSecret, tokenEndpoint } = server
  const kept = escrowed(store, local)
  const tokens = createTokenManager({
    provider: oauth2Provider({ id: 'p', clientId, clientSecret, tokenEndpoint }),
    store: kept,
    timings: shortTimings,
    closeTimeoutMs: 300,
  })
  closing.push(
    () => local.close(),
    () => tokens.close(),
  )
  return { tokens, kept, local }
}

/** Everything that lies in an escrow. */
async function secretsOn(disk: TokenStore): Promise<string> {
  const provider = ESCROW_PROVIDER
  const { records } = await disk.list({ provider, limit: 100 })
  const rows = await Promise.all(records.map(({ grantId }) => disk.load({ provider, grantId })))
  return JSON.stringify(rows)
}

describe('a successor in escrow', () => {
  it('is stored by another process of the machine when its reader died before the remote commit', async () => {
    const reader = processOn(remote)
    await reader.tokens.saveGrant('g', server.issueGrant(), { receivedAtMs: 0 })
    const commit = remote.hold('commit', 'before')
    void reader.tokens.getAccessToken('g').catch(() => {})
    // The escrow has answered; from here on the reader never does anything again.
    await commit.arrived
    const other = processOn(remoteInner)
    const token = await other.tokens.getAccessToken('g')
    expect(token.generation).toBe(2)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
    expect(server.ledger.doubleSpends()).toHaveLength(0)
  })

  it('is stored by recover() at the next start', async () => {
    const reader = processOn(remote)
    await reader.tokens.saveGrant('g', server.issueGrant(), { receivedAtMs: 0 })
    const commit = remote.hold('commit', 'before')
    void reader.tokens.getAccessToken('g').catch(() => {})
    await commit.arrived
    const restarted = processOn(remoteInner)
    expect(await restarted.kept.recover()).toBe(1)
    expect((await remoteInner.load(key)).record?.generation).toBe(2)
    expect(await restarted.kept.recover()).toBe(0)
  })

  // A server may leave an unchanged refresh token out of one reply and replace it in the next (simulation, seeds 13512,
  // 15048, 17593): the successor of an older link was not looked for, and marked as stored though the store had refused it.
  describe('of a link that another process renewed meanwhile, keeping the token', () => {
    async function leftBehind(): Promise<void> {
      const reader = processOn(remote)
      await reader.tokens.saveGrant('g', server.issueGrant(), { receivedAtMs: 0 })
      const { record } = await remoteInner.load(key)
      if (!record) throw new Error('the grant is gone')
      const commit = remote.hold('commit', 'before', 'every')
      void reader.tokens.getAccessToken('g').catch(() => {})
      await commit.arrived
      const { chain, secret } = record
      const next = { secret, expiresAtMs: 0, renewAtMs: 0 }
      await remoteInner.commit({ ...key, chain, generation: 1, attempt: 'another', next })
    }

    it('is found at the first use of the grant', async () => {
      await leftBehind()
      const token = await processOn(remoteInner).tokens.getAccessToken('g')
      expect(token.generation).toBe(3)
      expect(server.ledger.tokenRequests()).toHaveLength(1)
    })

    it('is stored by recover() after the newer link', async () => {
      await leftBehind()
      expect(await processOn(remoteInner).kept.recover()).toBe(1)
      expect((await remoteInner.load(key)).record).toMatchObject({ generation: 3, state: 'live' })
    })
  })

  it('brings back what a remote store forgot', async () => {
    const reader = processOn(remote)
    await reader.tokens.saveGrant('g', server.issueGrant())
    const before = (await remoteInner.load(key)).record
    await reader.tokens.getAccessToken('g', { forceRefresh: true })
    // A failover to a replica that has not seen the commit.
    const forgetful = memoryStore()
    if (!before) throw new Error('nothing was stored')
    await forgetful.save({ ...before, generation: 1 })
    const other = processOn(forgetful)
    const token = await other.tokens.getAccessToken('g')
    expect(token.generation).toBe(2)
    expect((await forgetful.load(key)).record?.generation).toBe(2)
    expect(server.ledger.tokenRequests()).toHaveLength(1)
  })

  it('does not undo a newer authorization', async () => {
    const reader = processOn(remote)
    await reader.tokens.saveGrant('g', server.issueGrant(), { receivedAtMs: 0 })
    const commit = remote.hold('commit', 'before')
    void reader.tokens.getAccessToken('g').catch(() => {})
    await commit.arrived
    const other = processOn(remoteInner)
    const saved = await other.tokens.saveGrant('g', server.issueGrant())
    await other.kept.recover()
    expect((await remoteInner.load(key)).record).toMatchObject({ chain: saved.chain, generation: 1 })
    expect((await other.tokens.getAccessToken('g')).chain).toBe(saved.chain)
  })

  it('reaches the remote store although the local file is held locked by a frozen process', async () => {
    const { clientId, clientSecret, tokenEndpoint } = server
    const local = gatedStore(memoryStore())
    const tokens = createTokenManager({
      provider: oauth2Provider({ id: 'p', clientId, clientSecret, tokenEndpoint }),
      store: escrowed(remote, local, { waitMs: 50 }),
    })
    await tokens.saveGrant('g', server.issueGrant(), { receivedAtMs: 0 })
    const locked = local.hold('save', 'before')
    expect((await tokens.getAccessToken('g')).generation).toBe(2)
    expect((await remoteInner.load(key)).record?.generation).toBe(2)
    locked.open()
    await tokens.close()
  })

  // Over whatever lay there: the successor of another process was gone (simulation, seed 7674).
  it('keeps the successor of one process when the disk takes an older one of another late', async () => {
    const disk = memoryStore()
    const slow = gatedStore(disk)
    const [late, reader] = [escrowed(remote, slow, { waitMs: 10 }), escrowed(remote, disk)]
    const link = (chain: string) => ({ provider: 'p', grantId: 'g', chain, generation: 1 })
    const commit = (chain: string) => ({
      ...link(chain),
      attempt: `of ${chain}`,
      next: pairOf(`2 of ${chain}`),
    })
    await remoteInner.save({ ...link('new'), ...pairOf('1 of new'), generation: 1 })
    const write = slow.hold('save', 'before')
    const superseded = late.commit(commit('old'))
    await write.arrived
    expect((await superseded).status).toBe('superseded')
    remote.away = true
    await expect(reader.commit(commit('new'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    const taken = slow.hold('save', 'after')
    write.open()
    await taken.arrived
    taken.open()
    remote.away = false
    expect(await escrowed(remote, disk).recover()).toBe(1)
    expect((await remoteInner.load(key)).record).toMatchObject({ generation: 2, secret: '2 of new' })
  })

  const authorization = (chain: string, expectedChain: string | null) =>
    ({ ...key, chain, expectedChain, generation: 1, ...pairOf(`1 of ${chain}`) }) as const

  // The older chain's lay over it, and was refused by the store: both were gone (simulation, seed 97484).
  it('keeps a successor that is not stored when one of an older chain comes later', async () => {
    const disk = memoryStore()
    const kept = escrowed(remote, disk)
    const commit = (chain: string) =>
      kept.commit({ ...key, chain, generation: 1, attempt: chain, next: pairOf(`2 of ${chain}`) })
    await kept.save(authorization('old', null))
    await kept.save(authorization('new', 'old'))
    remote.away = true
    await expect(commit('new')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await expect(commit('old')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    remote.away = false
    expect((await commit('old')).status).toBe('superseded')
    expect((await escrowed(remote, disk).load(key)).record).toMatchObject({ chain: 'new', generation: 2 })
  })

  // It lay where the new authorization had lain, and that could not be brought back (simulation, seed 126).
  it('keeps an authorization that is stored when a successor of the chain before it comes later', async () => {
    const disk = memoryStore()
    const forgetful = memoryStore()
    const kept = escrowed(remote, disk)
    await kept.save(authorization('old', null))
    const commit = (store: TokenStore, chain: string, generation: number) =>
      store.commit({
        ...key,
        chain,
        generation,
        attempt: chain,
        next: pairOf(`${generation + 1} of ${chain}`),
      })
    await commit(kept, 'old', 1)
    await kept.save(authorization('new', 'old'))
    expect((await commit(kept, 'old', 2)).status).toBe('superseded')
    await forgetful.save(authorization('old', null))
    await commit(forgetful, 'old', 1)
    expect((await commit(escrowed(forgetful, disk), 'new', 1)).status).toBe('committed')
  })

  // The store took it, and what was known of the newer authorization was overwritten (simulation, seed 18118).
  it('stores no successor of a chain whose replacement the remote store forgot', async () => {
    const disk = memoryStore()
    const forgetful = memoryStore()
    const kept = escrowed(remote, disk)
    const commit = (store: TokenStore, chain: string) =>
      store.commit({ ...key, chain, generation: 1, attempt: chain, next: pairOf(`2 of ${chain}`) })
    await kept.save(authorization('old', null))
    await kept.save(authorization('new', 'old'))
    await commit(kept, 'new')
    await forgetful.save(authorization('old', null))
    const after = escrowed(forgetful, disk)
    expect((await commit(after, 'old')).status).toBe('superseded')
    expect((await after.load(key)).record).toMatchObject({ chain: 'new', generation: 2, secret: '2 of new' })
  })

  // It was kept beside what a process had left there, and not any more when it was stored (simulation, seed 33277).
  it('stays where the remote store has it, whatever an older chain left in its place', async () => {
    const disk = memoryStore()
    const forgetful = memoryStore()
    const kept = escrowed(remote, disk)
    const commit = (store: TokenStore, chain: string) =>
      store.commit({ ...key, chain, generation: 1, attempt: chain, next: pairOf(`2 of ${chain}`) })
    await kept.save(authorization('old', null))
    remote.away = true
    await expect(commit(kept, 'old')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    remote.away = false
    await remoteInner.save(authorization('new', 'old'))
    await commit(kept, 'new')
    await vi.waitFor(async () =>
      expect(
        (await disk.claimDue({ provider: ESCROW_PROVIDER, beforeMs: 0, limit: 9, holdMs: 0 })).keys,
      ).toEqual([]),
    )
    await forgetful.save(authorization('new', null))
    expect((await escrowed(forgetful, disk).load(key)).record).toMatchObject({ chain: 'new', generation: 2 })
  })

  // What a user had removed was there again, with an authorization of long ago (simulation, seed 2060).
  it('is not brought back into a store that has nothing of its grant', async () => {
    const disk = memoryStore()
    const kept = escrowed(remote, disk)
    const answered = remote.hold('save', 'after')
    const saving = kept.save(authorization('old', null))
    await answered.arrived
    await remoteInner.remove(key)
    expect(await escrowed(remoteInner, disk).recover()).toBe(0)
    expect((await remoteInner.load(key)).record).toBeUndefined()
    answered.open()
    await saving
  })

  // A process adopted the authorization, and handed out its first token after its second (simulation, seed 13702).
  it('tells whoever is told of an authorization of the successor that it has here', async () => {
    const disk = memoryStore()
    const forgetful = memoryStore()
    const kept = escrowed(remote, disk)
    const next = pairOf('2 of new')
    await kept.save(authorization('old', null))
    await kept.save(authorization('new', 'old'))
    await kept.commit({ ...key, chain: 'new', generation: 1, attempt: 'a', next })
    await forgetful.save(authorization('new', null))
    const after = escrowed(forgetful, disk)
    const asked = {
      ...key,
      chain: 'old',
      generation: 1,
      attempt: 'b',
      ttlMs: 1_000,
      maxHoldMs: 1_000,
    } as const
    expect(await after.acquire(asked)).toMatchObject({
      status: 'superseded',
      record: { chain: 'new', generation: 2 },
    })
  })

  // It was saved once more, over the newer one, with a token that may be spent (simulation, seed 17741).
  it('does not come once more over a newer authorization when its own answer was slow', async () => {
    const disk = memoryStore()
    const kept = escrowed(remote, disk)
    await kept.save(authorization('old', null))
    const slow = remote.hold('save', 'before')
    const saved = kept.save(authorization('new', 'old'))
    await slow.arrived
    await kept.load(key)
    await kept.save(authorization('newest', 'new'))
    slow.open()
    expect(await saved).toMatchObject({ status: 'saved', record: { chain: 'newest' } })
  })

  // What followed the forgotten authorization was dropped, and the token before it sent again (simulation, seed 29161).
  it('follows an authorization that a remote store forgot, and brings that back first', async () => {
    const disk = memoryStore()
    const forgetful = memoryStore()
    const kept = escrowed(remote, disk)
    await kept.save(authorization('old', null))
    await kept.save(authorization('new', 'old'))
    await forgetful.save(authorization('old', null))
    const after = escrowed(forgetful, disk)
    const next = pairOf('2 of new')
    expect((await after.commit({ ...key, chain: 'new', generation: 1, attempt: 'a', next })).status).toBe(
      'committed',
    )
    expect((await forgetful.load(key)).record).toMatchObject({ chain: 'new', generation: 2 })
  })

  it('finds an authorization that a remote store forgot at the first use of the grant', async () => {
    const disk = memoryStore()
    const forgetful = memoryStore()
    const kept = escrowed(remote, disk)
    await kept.save(authorization('old', null))
    await kept.save(authorization('new', 'old'))
    await forgetful.save(authorization('old', null))
    expect((await escrowed(forgetful, disk).load(key)).record).toMatchObject({ chain: 'new', generation: 1 })
  })

  // What came before it lay in its place, and it was thrown away as soon as it was stored.
  it('brings back an authorization also when the commit before it was stored and not answered', async () => {
    const disk = memoryStore()
    const kept = escrowed(remote, disk)
    const link = { ...key, chain: 'old' }
    await kept.save(authorization('old', null))
    await kept.commit({ ...link, generation: 1, attempt: 'a', next: pairOf('2 of old') })
    const lost = remote.hold('commit', 'after')
    void kept.commit({ ...link, generation: 2, attempt: 'b', next: pairOf('3 of old') })
    await lost.arrived
    await kept.save(authorization('new', 'old'))
    const forgetful = memoryStore()
    const generation = 3 as 1
    await forgetful.save({ ...authorization('old', null), generation })
    // The disk is written behind the answer.
    const loaded = async () => (await escrowed(forgetful, disk).load(key)).record
    await expect.poll(loaded).toMatchObject({ chain: 'new', generation: 1 })
    lost.open()
  })

  // A row that its process did not mark before it died lay in the way of every second successor.
  it('brings back a successor also when a dead process has left another chain in its place', async () => {
    const disk = memoryStore()
    const dying = escrowed(remote, disk)
    await dying.save(authorization('old', null))
    const lost = remote.hold('commit', 'after')
    void dying.commit({ ...key, chain: 'old', generation: 1, attempt: 'a', next: pairOf('2 of old') })
    await lost.arrived
    const kept = escrowed(remote, disk)
    await kept.save(authorization('new', 'old'))
    await kept.commit({ ...key, chain: 'new', generation: 1, attempt: 'b', next: pairOf('2 of new') })
    const forgetful = memoryStore()
    await forgetful.save(authorization('new', null))
    const after = escrowed(forgetful, disk)
    expect((await after.load(key)).record).toMatchObject({ chain: 'new', generation: 2 })
    // Nothing of it is left when the grant is removed.
    await after.remove({ ...key, expectedChain: 'new' })
    expect(await secretsOn(disk)).not.toContain('of new')
  })

  // Dropped as if something newer were stored: whoever was killed before the next try took it along, and the token
  // that it replaced was sent again.
  describe('of a link that the remote store forgot stays on the disk', () => {
    const second = { ...key, chain: 'new', generation: 2, attempt: 'b', next: pairOf('3 of new') }

    /** Its first rotation is stored, and forgotten in a failover: `forgetful` holds the authorization alone. */
    async function failover() {
      const disk = memoryStore()
      const kept = escrowed(remote, disk)
      const forgetful = memoryStore()
      await kept.save(authorization('new', null))
      await forgetful.save(authorization('new', null))
      const next = pairOf('2 of new')
      await kept.commit({ ...key, chain: 'new', generation: 1, attempt: 'a', next })
      return { disk, kept, forgetful }
    }

    it('when its commit comes too early and its process is killed then', async () => {
      const { disk, forgetful } = await failover()
      expect((await escrowed(forgetful, disk).commit(second)).status).toBe('superseded')
      const other = escrowed(forgetful, disk)
      expect((await other.load(key)).record).toMatchObject({ generation: 2 })
      expect((await other.load(key)).record).toMatchObject({ generation: 3, secret: '3 of new' })
    })

    it('and recover() brings both, one after the other', async () => {
      const { disk, kept, forgetful } = await failover()
      remote.away = true
      await expect(kept.commit(second)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
      await escrowed(forgetful, disk).recover()
      expect((await forgetful.load(key)).record).toMatchObject({ generation: 3, secret: '3 of new' })
    })

    it('and recover() brings the authorization before it, if that was forgotten too', async () => {
      const disk = memoryStore()
      const forgetful = memoryStore()
      const kept = escrowed(remote, disk)
      await kept.save(authorization('old', null))
      await kept.save(authorization('new', 'old'))
      await forgetful.save(authorization('old', null))
      remote.away = true
      const next = pairOf('2 of new')
      const commit = kept.commit({ ...key, chain: 'new', generation: 1, attempt: 'a', next })
      await expect(commit).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
      await escrowed(forgetful, disk).recover()
      expect((await forgetful.load(key)).record).toMatchObject({ chain: 'new', generation: 2 })
    })
  })

  it('reaches the remote store although the local disk fails', async () => {
    const { clientId, clientSecret, tokenEndpoint } = server
    const broken: TokenStore = { ...memoryStore(), save: () => Promise.reject(down) }
    const tokens = createTokenManager({
      provider: oauth2Provider({ id: 'p', clientId, clientSecret, tokenEndpoint }),
      store: escrowed(remote, broken),
    })
    await tokens.saveGrant('g', server.issueGrant(), { receivedAtMs: 0 })
    expect((await tokens.getAccessToken('g')).generation).toBe(2)
    expect((await remoteInner.load(key)).record?.generation).toBe(2)
    await tokens.close()
  })

  // It kept every grant of the machine from being looked at, also those whose tokens worked.
  it('does not hurt a token that works when the disk cannot be read; only nothing is rotated', async () => {
    const { clientId, clientSecret, tokenEndpoint } = server
    const broken: TokenStore = { ...memoryStore(), load: () => Promise.reject(down) }
    const tokens = createTokenManager({
      provider: oauth2Provider({ id: 'p', clientId, clientSecret, tokenEndpoint }),
      store: escrowed(remote, broken),
    })
    closing.push(() => tokens.close())
    await remoteInner.save({
      ...key,
      chain: 'c',
      generation: 1,
      secret: JSON.stringify({ access_token: 'works', refresh_token: 'r' }),
      expiresAtMs: Date.now() + 3_600_000,
      renewAtMs: null,
    })
    expect((await tokens.getAccessToken('g')).generation).toBe(1)
    const rotated = tokens.getAccessToken('g', { forceRefresh: true, timeoutMs: 300 })
    await expect(rotated).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(server.ledger.tokenRequests()).toHaveLength(0)
  })

  // The parser quoted ten characters of it.
  it('says nothing of what it holds when that is damaged', async () => {
    const disk = memoryStore()
    const kept = escrowed(remote, disk)
    remote.away = true
    const save = kept.save({ ...key, ...pairOf('hidden-token'), chain: 'c', generation: 1 })
    await expect(save).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    const damaged: TokenStore = {
      ...disk,
      async load(where) {
        const { record, nowMs } = await disk.load(where)
        // A quotation mark is gone, as after a failing disk or a hand that edited the file.
        return { nowMs, record: record && { ...record, secret: record.secret.replace('"hidden', 'hidden') } }
      },
    }
    const error: unknown = await escrowed(remote, damaged)
      .recover()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'STORE_UNUSABLE' })
    expect(String(error)).not.toContain('hidden')
  })
})
