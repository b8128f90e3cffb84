import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createTokenManager,
  ESCROW_PROVIDER,
  escrowed,
  keyring,
  memoryStore,
  oauth2Provider,
  sealed,
  type TokenStore,
  type WalkProgress,
} from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { startAuthorizationServer } from '@evergrant/testing'
import { decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'
import { gatedStore } from '../gated-store.js'
import { shortTimings } from '../small-fleet.js'

const ringOf = (...numbers: number[]) =>
  keyring({
    current: `k${numbers[0]}`,
    keys: numbers.map((n) => ({ kid: `k${n}`, key: new Uint8Array(32).fill(n) })),
  })
const first = { provider: 'p', chain: 'c1', generation: 1, expiresAtMs: null, renewAtMs: null } as const
const fast = { provider: 'p', perSecond: 100_000 }
const idOf = (i: number): string => `g${String(i).padStart(4, '0')}`

async function filled(count: number) {
  const inner = memoryStore()
  const older = sealed(inner, ringOf(1))
  for (let i = 0; i < count; i++) await older.save({ ...first, grantId: idOf(i), secret: `secret-${i}` })
  return { inner, older, newer: sealed(inner, ringOf(2, 1)) }
}

const kidAt = async (inner: TokenStore, grantId: string): Promise<unknown> =>
  decodeProtectedHeader((await inner.load({ provider: 'p', grantId })).record?.secret ?? '').kid

describe('reseal()', () => {
  it('seals every record with the current key, once, and changes nothing else', async () => {
    const { inner, newer } = await filled(250)
    const before = (await inner.list({ provider: 'p', limit: 300 })).records
    expect(await newer.reseal(fast)).toMatchObject({ done: 250, resealed: 250, overtaken: 0, unreadable: 0 })
    expect(await newer.reseal(fast)).toMatchObject({ done: 250, resealed: 0 })
    expect((await inner.list({ provider: 'p', limit: 300 })).records).toEqual(before)
    const onlyNew = sealed(inner, ringOf(2))
    for (const i of [0, 100, 249]) {
      expect((await onlyNew.load({ provider: 'p', grantId: idOf(i) })).record?.secret).toBe(`secret-${i}`)
    }
  })

  it('loses against a commit that came between its look and its swap, and looks again', async () => {
    const { inner, older } = await filled(1)
    const gated = gatedStore(inner)
    const swap = gated.hold('replaceSecret', 'before')
    const resealing = sealed(gated, ringOf(2, 1)).reseal(fast)
    await swap.arrived
    // A process that still has the older key as current.
    const link = { ...first, grantId: idOf(0) }
    const next = { secret: 'successor', expiresAtMs: null, renewAtMs: null }
    expect((await older.commit({ ...link, attempt: 'a', next })).status).toBe('committed')
    swap.open()
    expect(await resealing).toMatchObject({ done: 1, overtaken: 1, resealed: 1 })
    const { record } = await sealed(inner, ringOf(2)).load(link)
    expect([record?.generation, record?.secret]).toEqual([2, 'successor'])
  })

  it('loses against a new authorization and against a removal', async () => {
    const { inner, older } = await filled(2)
    const gated = gatedStore(inner)
    const swaps = gated.hold('replaceSecret', 'before', 'every')
    const resealing = sealed(gated, ringOf(2, 1)).reseal(fast)
    await swaps.arrived
    await older.save({ ...first, chain: 'c2', grantId: idOf(0), secret: 'authorized again' })
    await inner.remove({ provider: 'p', grantId: idOf(1) })
    swaps.open()
    await resealing
    const all = sealed(inner, ringOf(2, 1))
    expect((await all.load({ provider: 'p', grantId: idOf(0) })).record).toMatchObject({
      chain: 'c2',
      secret: 'authorized again',
    })
    expect((await all.load({ provider: 'p', grantId: idOf(1) })).record).toBeUndefined()
  })

  it('does not get into the way of a replaceSecret of the same secret', async () => {
    const { inner, newer } = await filled(1)
    const gated = gatedStore(inner)
    const swap = gated.hold('replaceSecret', 'before')
    const link = { ...first, grantId: idOf(0) }
    const replacing = sealed(gated, ringOf(2, 1)).replaceSecret({ ...link, from: 'secret-0', to: 'repaired' })
    await swap.arrived
    await newer.reseal(fast)
    swap.open()
    expect((await replacing).status).toBe('replaced')
    expect((await newer.load(link)).record?.secret).toBe('repaired')
  })

  it('stops at a signal and goes on from where its progress was', async () => {
    const { inner, newer } = await filled(50)
    const abort = new AbortController()
    let last: WalkProgress | undefined
    const onProgress = (progress: WalkProgress): void => {
      last = progress
      if (progress.done >= 20) abort.abort(new Error('enough for today'))
    }
    const stopped = newer.reseal({ ...fast, signal: abort.signal, onProgress })
    await expect(stopped).rejects.toThrow('enough for today')
    expect(last).toEqual({ done: 20, after: idOf(19) })
    expect(await kidAt(inner, idOf(20))).toBe('k1')
    expect(await newer.reseal({ ...fast, after: last?.after })).toMatchObject({ done: 30, resealed: 30 })
  })

  it('goes on from there also when the store was away', async () => {
    const { inner } = await filled(30)
    const gated = gatedStore(inner)
    const store = sealed(gated, ringOf(2, 1))
    let last: WalkProgress | undefined
    const onProgress = (progress: WalkProgress): void => {
      last = progress
      gated.away = progress.done === 12
    }
    await expect(store.reseal({ ...fast, onProgress })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    gated.away = false
    expect(await store.reseal({ ...fast, after: last?.after })).toMatchObject({ done: 18, resealed: 18 })
  })

  it('looks at no more than perSecond records in a second', async () => {
    const { inner } = await filled(40)
    let nowMs = 0
    const seen: number[] = []
    const clock = {
      now: () => nowMs,
      monotonic: () => nowMs,
      setTimeout: (run: () => void, delayMs: number) => {
        nowMs += delayMs
        return queueMicrotask(run)
      },
      clearTimeout: () => {},
    }
    const counted: TokenStore = {
      ...inner,
      load: (key) => {
        seen.push(nowMs)
        return inner.load(key)
      },
    }
    await sealed(counted, ringOf(2, 1), { clock }).reseal({ provider: 'p', perSecond: 10, concurrency: 2 })
    expect(seen).toHaveLength(40)
    for (const at of seen) {
      expect(seen.filter((other) => other >= at && other < at + 1_000).length).toBeLessThanOrEqual(10)
    }
  })

  it('leaves one record that does not open and seals all others', async () => {
    const { inner, newer } = await filled(5)
    const broken = { ...first, grantId: idOf(2) }
    const { secret: from = '' } = (await inner.load(broken)).record ?? {}
    await inner.replaceSecret({ ...broken, from, to: `${from.slice(0, -8)}AAAAAAAA` })
    const result = await newer.reseal(fast)
    expect(result).toMatchObject({ done: 5, resealed: 4, unreadable: 1, unreadableGrantIds: [idOf(2)] })
  })

  it.each([
    ['provider', { provider: '' }],
    ['perSecond', { ...fast, perSecond: 0 }],
    ['concurrency', { ...fast, concurrency: 1.5 }],
  ])('names the option %s when it is wrong', async (name, options) => {
    const { newer } = await filled(0)
    await expect(newer.reseal(options)).rejects.toThrow(TypeError)
    await expect(newer.reseal(options)).rejects.toThrow(`'${name}'`)
  })
})

describe('a key', () => {
  it('that a record needs cannot be retired; after reseal() it can', async () => {
    const { newer, older } = await filled(3)
    const refused = { code: 'STORE_UNUSABLE', reason: 'key_in_use' }
    await expect(newer.assertRetirable('k1', fast)).rejects.toMatchObject(refused)
    await expect(newer.assertRetirable('k2', fast)).rejects.toMatchObject(refused)
    await newer.reseal(fast)
    await expect(newer.assertRetirable('k1', fast)).resolves.toBeUndefined()
    // A process that was forgotten seals with it again: seen.
    await older.save({ ...first, chain: 'c9', grantId: idOf(1), secret: 's' }).catch(() => {})
    await expect(newer.assertRetirable('k1', fast)).rejects.toMatchObject(refused)
    await expect(newer.assertRetirable('k1', { ...fast, after: idOf(1) })).rejects.toThrow("'after'")
  })

  it('may be needed by the escrow on a disk: its store answers for itself', async () => {
    const [remote, local] = [memoryStore(), memoryStore()]
    const before = escrowed(sealed(remote, ringOf(1)), sealed(local, ringOf(1)))
    await before.save({ ...first, grantId: 'g', secret: 's' })
    const after = sealed(local, ringOf(2, 1))
    const inEscrow = { ...fast, provider: ESCROW_PROVIDER }
    await expect(after.assertRetirable('k1', inEscrow)).rejects.toMatchObject({ reason: 'key_in_use' })
    expect(await after.reseal(inEscrow)).toMatchObject({ done: 1, resealed: 1 })
    await expect(after.assertRetirable('k1', inEscrow)).resolves.toBeUndefined()
  })
})

describe('rotation on a sealed store', () => {
  async function atServer<T>(
    run: (at: {
      server: Awaited<ReturnType<typeof startAuthorizationServer>>
      managerOn: (store: TokenStore) => ReturnType<typeof createTokenManager>
    }) => Promise<T>,
  ): Promise<T> {
    const server = await startAuthorizationServer({ preset: 'oidcProvider' })
    const { clientId, clientSecret, tokenEndpoint } = server
    const managers: ReturnType<typeof createTokenManager>[] = []
    try {
      return await run({
        server,
        managerOn(store) {
          const provider = oauth2Provider({ id: 'p', clientId, clientSecret, tokenEndpoint })
          const tokens = createTokenManager({ provider, store, timings: shortTimings, closeTimeoutMs: 300 })
          managers.push(tokens)
          return tokens
        },
      })
    } finally {
      for (const tokens of managers) await tokens.close().catch(() => {})
      await server.close()
    }
  }

  it.each([
    ['missing', ringOf(2), 'unknown_key', 'STORE_UNUSABLE'],
    [
      'another one under its id',
      keyring({ current: 'k1', keys: [{ kid: 'k1', key: 'ee'.repeat(32) }] }),
      'broken_seal',
      'STORE_UNUSABLE',
    ],
    [
      'with a service that is away',
      keyring({ current: 'k1', keys: [{ kid: 'k1', key: () => Promise.reject(new Error('no')) }] }),
      'key_unavailable',
      'STORE_UNAVAILABLE',
    ],
  ])('sends nothing and kills nothing when the key is %s', async (_, ring, reason, code) => {
    await atServer(async ({ server, managerOn }) => {
      const inner = memoryStore()
      const seeing = managerOn(sealed(inner, ringOf(1)))
      await seeing.saveGrant('g', server.issueGrant(), { receivedAtMs: 0 })
      const before = (await inner.load({ provider: 'p', grantId: 'g' })).record
      const blind = managerOn(sealed(inner, ring))
      await expect(blind.getAccessToken('g', { timeoutMs: 500 })).rejects.toMatchObject({ code, reason })
      await expect(blind.getAccessToken('g', { forceRefresh: true, timeoutMs: 500 })).rejects.toMatchObject({
        code,
        reason,
      })
      expect(server.ledger.tokenRequests()).toHaveLength(0)
      expect((await inner.load({ provider: 'p', grantId: 'g' })).record).toEqual(before)
      expect((await seeing.getAccessToken('g')).generation).toBe(2)
    })
  })

  it('sends nothing while the key that has to seal the successor cannot be had', async () => {
    await atServer(async ({ server, managerOn }) => {
      const inner = memoryStore()
      await managerOn(sealed(inner, ringOf(1))).saveGrant('g', server.issueGrant(), { receivedAtMs: 0 })
      let away = true
      const ring = keyring({
        current: 'k2',
        keys: [
          { kid: 'k1', key: new Uint8Array(32).fill(1) },
          { kid: 'k2', key: async () => (away ? Promise.reject(new Error('away')) : 'ab'.repeat(32)) },
        ],
      })
      const tokens = managerOn(sealed(inner, ring))
      await expect(tokens.getAccessToken('g', { timeoutMs: 500 })).rejects.toMatchObject({
        reason: 'key_unavailable',
      })
      expect(server.ledger.tokenRequests()).toHaveLength(0)
      away = false
      await expect
        .poll(
          () =>
            tokens.getAccessToken('g').then(
              ({ generation }) => generation,
              () => 0,
            ),
          { timeout: 5_000 },
        )
        .toBe(2)
      expect(server.ledger.doubleSpends()).toHaveLength(0)
    })
  })

  it('loses no grant while reseal() runs beside it, and two managers rotate as fast as they can', async () => {
    await atServer(async ({ server, managerOn }) => {
      const inner = memoryStore()
      const [a, b] = [managerOn(sealed(inner, ringOf(1, 2))), managerOn(sealed(inner, ringOf(2, 1)))]
      const ids = Array.from({ length: 12 }, (_, i) => idOf(i))
      for (const id of ids) await a.saveGrant(id, server.issueGrant())
      let rotating = true
      const rotate = async (): Promise<void> => {
        while (rotating) {
          await Promise.all(
            ids.flatMap((id) => [a, b].map((tokens) => tokens.getAccessToken(id, { forceRefresh: true }))),
          )
        }
      }
      const rotations = rotate()
      const resealer = sealed(inner, ringOf(2, 1))
      let resealed = 0
      for (let i = 0; i < 20; i++) resealed += (await resealer.reseal(fast)).resealed
      rotating = false
      await rotations
      expect(resealed).toBeGreaterThan(0)
      expect(server.ledger.doubleSpends()).toHaveLength(0)
      for (const id of ids) {
        await expect(a.getAccessToken(id, { forceRefresh: true })).resolves.toBeDefined()
      }
    })
  }, 30_000)

  it('is recovered from a sealed escrow, in whose file no token can be found', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evergrant-'))
    const path = join(folder, 'escrow.db')
    const local = sqliteStore({ path })
    try {
      await atServer(async ({ server, managerOn }) => {
        const remote = gatedStore(memoryStore())
        const ring = ringOf(1)
        const reader = managerOn(escrowed(sealed(remote, ring), sealed(local, ring)))
        await reader.saveGrant('g', server.issueGrant(), { receivedAtMs: 0 })
        const commit = remote.hold('commit', 'before')
        void reader.getAccessToken('g').catch(() => {})
        await commit.arrived
        const records = (await local.list({ provider: ESCROW_PROVIDER, limit: 10 })).records
        expect(records).toHaveLength(2)
        for (const { grantId } of records) {
          const { record } = await local.load({ provider: ESCROW_PROVIDER, grantId })
          expect(record?.secret).toMatch(/^eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/)
        }
        const other = escrowed(sealed(remote, ringOf(2, 1)), sealed(local, ringOf(2, 1)))
        expect(await other.recover()).toBe(1)
        expect((await other.load({ provider: 'p', grantId: 'g' })).record?.generation).toBe(2)
        commit.open()
      })
    } finally {
      await local.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
