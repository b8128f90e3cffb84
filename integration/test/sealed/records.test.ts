import { inspect } from 'node:util'
import { type GrantRecord, keyring, memoryStore, type SealOptions, sealed } from '@evergrant/core'
import fc from 'fast-check'
import { compactDecrypt, decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'

const bytesOf = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const ringOf = (...numbers: number[]) =>
  keyring({
    current: `k${numbers[0]}`,
    keys: numbers.map((n) => ({ kid: `k${n}`, key: bytesOf(n) })),
  })
const key = { provider: 'p', grantId: 'g' }
const first = { ...key, chain: 'c1', generation: 1, expiresAtMs: null, renewAtMs: null } as const

function scene(options?: SealOptions) {
  const inner = memoryStore()
  const ring = ringOf(1)
  return { inner, ring, store: sealed(inner, ring, options) }
}

async function stored(inner: ReturnType<typeof memoryStore>, of = key): Promise<GrantRecord> {
  const { record } = await inner.load(of)
  if (!record) throw new Error('nothing is stored')
  return record
}

describe('a sealed record', () => {
  it('is a compact JWE that any implementation opens with the key', async () => {
    const { inner, store } = scene()
    await store.save({ ...first, secret: 'the secret' })
    const { secret } = await stored(inner)
    expect(decodeProtectedHeader(secret)).toMatchObject({ alg: 'dir', enc: 'A256GCM', kid: 'k1' })
    const { plaintext } = await compactDecrypt(secret, bytesOf(1))
    expect(Buffer.from(plaintext).toString()).toBe('the secret')
  })

  it('is at most 300 characters longer than 4/3 of its secret, whatever the ids', async () => {
    const inner = memoryStore()
    const kid = 'k'.repeat(64)
    const store = sealed(inner, keyring({ current: kid, keys: [{ kid, key: bytesOf(1) }] }))
    const ids = { provider: '"'.repeat(255), grantId: '\\'.repeat(255) }
    for (const length of [0, 1, 1_000, 100_000]) {
      const link = { ...first, ...ids, chain: `c${length}`.padEnd(255, '"') }
      await store.save({ ...link, secret: 'x'.repeat(length) })
      expect((await stored(inner, ids)).secret.length).toBeLessThanOrEqual((4 / 3) * length + 300)
    }
  })

  const elsewhere: [
    string,
    Partial<Record<'provider' | 'grantId' | 'chain', string>> & { generation?: 0 | 1 },
  ][] = [
    ['another grant', { grantId: 'other' }],
    ['another provider', { provider: 'other' }],
    ['another authorization of the same grant', { chain: 'c2' }],
    ['another link of the same chain', { generation: 0 }],
  ]
  it.each(elsewhere)('does not open on %s', async (_, changed) => {
    const { inner, store } = scene()
    await store.save({ ...first, secret: 'mine' })
    const { secret } = await stored(inner)
    const thief = memoryStore()
    await thief.save({ ...first, ...changed, secret })
    const { ring } = scene()
    await expect(sealed(thief, ring).load({ ...key, ...changed })).rejects.toMatchObject({
      code: 'STORE_UNUSABLE',
      reason: 'seal_of_another',
    })
  })

  it('does not open when its header is rewritten to name the grant it was copied to', async () => {
    const { inner, store, ring } = scene()
    await store.save({ ...first, secret: 'mine' })
    await store.save({ ...first, grantId: 'thief', secret: 'own' })
    const [header] = (await stored(inner, { ...key, grantId: 'thief' })).secret.split('.')
    const [, ...rest] = (await stored(inner)).secret.split('.')
    const thief = memoryStore()
    await thief.save({ ...first, grantId: 'thief', secret: [header, ...rest].join('.') })
    await expect(sealed(thief, ring).load({ ...key, grantId: 'thief' })).rejects.toMatchObject({
      reason: 'broken_seal',
    })
  })

  it.each([
    ['whose key is missing', ringOf(2), 'unknown_key'],
    [
      'whose key is another one under the same id',
      keyring({ current: 'k1', keys: [{ kid: 'k1', key: bytesOf(9) }] }),
      'broken_seal',
    ],
  ])('%s is a coded error without any of it, in every step that reads', async (_, wrong, reason) => {
    const { inner, store } = scene()
    await store.save({ ...first, secret: 'canary-of-the-secret' })
    await store.save({ ...first, chain: 'c2', secret: 'canary-of-the-secret' })
    const blind = sealed(inner, wrong)
    const lease = { attempt: 'a', ttlMs: 60_000, maxHoldMs: 60_000 }
    const late = { ...first, attempt: 'a' }
    const { secret: text } = await stored(inner)
    for (const step of [
      () => blind.load(key),
      () => blind.acquire({ ...first, chain: 'c2', ...lease }),
      () => blind.acquire({ ...first, ...lease }),
      () => blind.arm({ ...late, ttlMs: 1, heldSinceMs: 0 }),
      () => blind.fail({ ...late, reason: 'invalid_grant' }),
      () => blind.commit({ ...late, next: { secret: 'next', expiresAtMs: null, renewAtMs: null } }),
      () => blind.save({ ...first, chain: 'c0', expectedChain: 'c1', secret: 'next' }),
      () => blind.replaceSecret({ ...first, chain: 'c2', from: 'canary-of-the-secret', to: 'x' }),
    ]) {
      const error = await step().then(
        () => 'it resolved',
        (caught: unknown) => caught,
      )
      expect(error).toMatchObject({ code: 'STORE_UNUSABLE', reason, grantId: 'g' })
      const print = inspect(error, { showHidden: true, depth: 10 }) + JSON.stringify(error)
      for (const canary of ['canary-of-the-secret', text, text.split('.')[3] ?? '', bytesOf(9).join()]) {
        expect(print).not.toContain(canary)
      }
    }
    expect((await stored(inner)).state).toBe('live')
  })

  it('that cannot be opened keeps nobody from the lease who can', async () => {
    const { inner, store } = scene()
    await store.save({ ...first, secret: 's' })
    const request = { ...first, ttlMs: 60_000, maxHoldMs: 60_000 }
    await expect(sealed(inner, ringOf(2)).acquire({ ...request, attempt: 'blind' })).rejects.toMatchObject({
      reason: 'unknown_key',
    })
    expect((await store.acquire({ ...request, attempt: 'seeing' })).status).toBe('acquired')
  })

  it('that cannot be opened can still be removed, and shows that it cannot be revoked', async () => {
    const { inner, store } = scene()
    await store.save({ ...first, secret: 's' })
    const { secret } = await stored(inner)
    expect((await sealed(inner, ringOf(2)).remove(key)).record?.secret).toBe(secret)
    expect((await inner.load(key)).record).toBeUndefined()
  })

  it('sealed by an older key is sealed by the current one at the next commit', async () => {
    const { inner, store } = scene()
    await store.save({ ...first, secret: 's1' })
    const newer = sealed(inner, ringOf(2, 1))
    const next = { secret: 's2', expiresAtMs: null, renewAtMs: null }
    await newer.commit({ ...first, attempt: 'a', next })
    expect(decodeProtectedHeader((await stored(inner)).secret).kid).toBe('k2')
    expect((await newer.load(key)).record?.secret).toBe('s2')
  })
})

describe('an unsealed record', () => {
  it('is refused', async () => {
    const { inner, store } = scene()
    await inner.save({ ...first, secret: '{"access_token":"planted"}' })
    await expect(store.load(key)).rejects.toMatchObject({ code: 'STORE_UNUSABLE', reason: 'unsealed_record' })
    const result = await store.reseal({ provider: 'p' })
    expect(result).toMatchObject({ done: 1, resealed: 0, unreadable: 1, unreadableGrantIds: ['g'] })
    expect((await stored(inner)).secret).toBe('{"access_token":"planted"}')
  })

  it('is read during a migration, and sealed by its next commit or by reseal()', async () => {
    const { inner, store } = scene({ unsealedRecords: 'read' })
    for (const grantId of ['a', 'b', 'c']) await inner.save({ ...first, grantId, secret: '{"old":1}' })
    expect((await store.load({ ...key, grantId: 'a' })).record?.secret).toBe('{"old":1}')
    await store.commit({
      ...first,
      grantId: 'a',
      attempt: 'x',
      next: { secret: 'n', expiresAtMs: null, renewAtMs: null },
    })
    expect(await store.keysInUse({ provider: 'p' })).toEqual({
      records: new Map([['k1', 1]]),
      unsealed: 2,
      damaged: 0,
    })
    expect(await store.reseal({ provider: 'p' })).toMatchObject({ done: 3, resealed: 2, unreadable: 0 })
    expect(await store.keysInUse({ provider: 'p' })).toEqual({
      records: new Map([['k1', 3]]),
      unsealed: 0,
      damaged: 0,
    })
    const strict = sealed(inner, ringOf(1))
    expect((await strict.load({ ...key, grantId: 'b' })).record?.secret).toBe('{"old":1}')
  })
})

describe('whatever was done to a sealed text', () => {
  it('it opens to what was sealed or to a coded error, also during a migration', async () => {
    const { inner, store, ring } = scene()
    await store.save({ ...first, secret: '{"refresh_token":"genuine"}' })
    await store.save({ ...first, grantId: 'other', secret: '{"refresh_token":"of another"}' })
    const mine = (await stored(inner)).secret
    const other = (await stored(inner, { ...key, grantId: 'other' })).secret
    const parts = fc.constantFrom(...mine.split('.'), ...other.split('.'), '', 'e30', 'eyJhbGciOiJub25lIn0')
    const tampered = fc.oneof(
      // One character changed, text cut at either end, parts swapped, parts of two records mixed.
      fc.tuple(fc.nat(mine.length - 1), fc.integer({ min: 33, max: 126 })).map(([at, code]) => {
        return mine.slice(0, at) + String.fromCharCode(code) + mine.slice(at + 1)
      }),
      fc
        .tuple(fc.nat(mine.length), fc.nat(mine.length))
        .map(([a, b]) => mine.slice(Math.min(a, b), Math.max(a, b))),
      fc.array(parts, { maxLength: 6 }).map((several) => several.join('.')),
      fc.string().map((text) => mine + text),
      fc.string().map((text) => `eyJ${text}`),
      fc.constant(other),
      fc.string(),
    )
    await fc.assert(
      fc.asyncProperty(tampered, async (text) => {
        const attacked = memoryStore()
        await attacked.save({ ...first, secret: text })
        for (const unsealedRecords of ['refuse', 'read'] as const) {
          const victim = sealed(attacked, ring, { unsealedRecords })
          const read = await victim.load(key).then(
            ({ record }) => record?.secret,
            (error: { code?: string; reason?: string }) => `${error.code} ${error.reason}`,
          )
          // base64url has spare bits in the last character of a part: such a text is the same one.
          const isGenuine = read === '{"refresh_token":"genuine"}'
          const isPlain = unsealedRecords === 'read' && !text.startsWith('eyJ') && read === text
          const isRefused = /^STORE_UNUSABLE (broken_seal|unknown_key|seal_of_another|unsealed_record)$/.test(
            read ?? '',
          )
          expect(isRefused || isPlain || (isGenuine && sameJwe(text, mine))).toBe(true)
        }
      }),
      { numRuns: 3_000 },
    )
  }, 60_000)
})

function sameJwe(a: string, b: string): boolean {
  const decoded = (text: string) =>
    text.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'))
  return JSON.stringify(decoded(a)) === JSON.stringify(decoded(b))
}
