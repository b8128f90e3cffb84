import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type KeyFunction, keyring, memoryStore, sealed } from '../../src/index.js'

const bytes = Uint8Array.from({ length: 32 }, (_, i) => 255 - 7 * i)
const forms = {
  bytes,
  base64: Buffer.from(bytes).toString('base64'),
  'base64 without padding': Buffer.from(bytes).toString('base64').slice(0, 43),
  base64url: Buffer.from(bytes).toString('base64url'),
  hex: Buffer.from(bytes).toString('hex'),
  'upper-case hex with a newline, as files have it': `${Buffer.from(bytes).toString('hex').toUpperCase()}\n`,
}
const key = { provider: 'p', grantId: 'g' }
const request = {
  ...key,
  chain: 'c',
  generation: 1,
  secret: 's',
  expiresAtMs: null,
  renewAtMs: null,
} as const

afterEach(() => void vi.useRealTimers())

describe('a key', () => {
  it.each(Object.entries(forms))(
    'may be %s: all forms of one key open what one of them sealed',
    async (_, form) => {
      const store = memoryStore()
      await sealed(store, keyring({ current: 'k', keys: [{ kid: 'k', key: bytes }] })).save(request)
      for (const one of [form, async () => form]) {
        const ring = keyring({ current: 'k', keys: [{ kid: 'k', key: one }] })
        expect((await sealed(store, ring).load(key)).record?.secret).toBe('s')
      }
    },
  )

  it('is copied: the bytes may be erased by whoever gave them', async () => {
    const given = new Uint8Array(bytes)
    const ring = keyring({ current: 'k', keys: [{ kid: 'k', key: given }] })
    given.fill(0)
    const store = memoryStore()
    await sealed(store, ring).save(request)
    const other = keyring({ current: 'k', keys: [{ kid: 'k', key: bytes }] })
    expect((await sealed(store, other).load(key)).record?.secret).toBe('s')
    expect(Buffer.from(bytes).toString('hex')).toBe(forms.hex)
  })

  it.each([
    ['31 bytes', bytes.subarray(1)],
    ['33 bytes', new Uint8Array(33)],
    ['a password', 'correct horse battery staple'],
    ['hex that is too short', forms.hex.slice(2)],
    ['base64 that is too long', Buffer.alloc(33).toString('base64')],
    ['base64 with a wrong character', `${forms.base64.slice(0, 42)}*=`],
    ['an absent environment variable', undefined],
    ['a number', 7],
  ])('that is %s is refused, by the name of its option', (_, wrong) => {
    const keys = [
      { kid: 'a', key: bytes },
      { kid: 'b', key: wrong as string },
    ]
    expect(() => keyring({ current: 'a', keys })).toThrow(/^Evergrant: option 'keys\[1\]\.key' must be/)
    expect(() => keyring({ current: 'a', keys })).toThrow(TypeError)
  })
})

describe('keyring', () => {
  const one = { kid: 'a', key: bytes }
  it.each([
    ['a kid given twice', { current: 'a', keys: [one, { kid: 'a', key: forms.hex }] }, 'keys[1].kid'],
    ['a kid with a space', { current: 'a', keys: [{ kid: 'a b', key: bytes }] }, 'keys[0].kid'],
    ['a kid of 65 characters', { current: 'a', keys: [{ kid: 'a'.repeat(65), key: bytes }] }, 'keys[0].kid'],
    ['an entry that is none', { current: 'a', keys: [undefined as never] }, 'keys[0].kid'],
    ['an unknown current key', { current: 'b', keys: [one] }, 'current'],
    ['no key at all', { current: 'a', keys: [] }, 'current'],
    ['keys that are no list', { current: 'a', keys: { a: bytes } as never }, 'keys'],
    ['a timeout that is none', { current: 'a', keys: [one], timeoutMs: 0 }, 'timeoutMs'],
  ])('refuses %s and names the option', (_, options, name) => {
    expect(() => keyring(options)).toThrow(TypeError)
    expect(() => keyring(options)).toThrow(`'${name}'`)
  })

  it('cannot print its keys, in any form', async () => {
    const ring = keyring({
      current: 'a',
      keys: [
        { kid: 'a', key: bytes },
        { kid: 'b', key: forms.base64 },
        { kid: 'c', key: async () => forms.hex },
      ],
    })
    const store = sealed(memoryStore(), ring)
    await store.save(request)
    // As a careless caller would: lint knows better.
    const copy: object = { ...(ring as object) }
    const values: object[] = [ring, copy, store, { ring, nested: [ring] }]
    const prints = values.flatMap((value) => [
      inspect(value, { showHidden: true, depth: 10, getters: true }),
      JSON.stringify(value),
      Object.values(value).map(String).join(),
    ])
    prints.push(String(ring), `${ring.toString()}`)
    const raw = Buffer.from(bytes).toString('latin1')
    const list = [...bytes].join(',')
    const canaries = [
      raw,
      list,
      [...bytes].join(', '),
      forms.base64,
      forms.base64url,
      forms.hex,
      forms.hex.toUpperCase(),
    ]
    for (const print of prints) {
      for (const canary of canaries) expect(print).not.toContain(canary.slice(0, 20))
    }
    expect(String(ring)).toBe('[Keyring current a, 3 keys]')
    expect(ring.kids).toEqual(['a', 'b', 'c'])
  })

  it('is what sealed() wants, and nothing that looks like it', () => {
    expect(() => sealed(memoryStore(), { current: 'a', kids: ['a'] } as never)).toThrow(TypeError)
    const ring = keyring({ current: 'a', keys: [one] })
    const wrong = { unsealedRecords: 'maybe' as never }
    expect(() => sealed(memoryStore(), ring, wrong)).toThrow("'unsealedRecords'")
  })
})

describe('a key service', () => {
  const storeWith = (ask: KeyFunction) =>
    sealed(memoryStore(), keyring({ current: 'k', keys: [{ kid: 'k', key: ask }], timeoutMs: 2_000 }))

  it('is asked once for all who need the key at the same time, and never again', async () => {
    let asked = 0
    let answer = (_: Uint8Array): void => {}
    const store = storeWith(({ kid }) => {
      expect(kid).toBe('k')
      asked += 1
      return new Promise((resolve) => {
        answer = resolve
      })
    })
    const loads = Array.from({ length: 50 }, () => store.load(key))
    answer(bytes)
    await Promise.all(loads)
    await store.save(request)
    expect(asked).toBe(1)
  })

  it('that fails is an outage of the store, asked again a second later, and its error is withheld', async () => {
    vi.useFakeTimers()
    let asked = 0
    const store = storeWith(() => {
      asked += 1
      if (asked === 1) throw Object.assign(new Error(`signed with ${forms.hex}`), { key: forms.base64 })
      return bytes
    })
    const error = await store.save(request).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', reason: 'key_unavailable', retryAfterMs: 1_000 })
    const print = inspect(error, { showHidden: true, depth: 10 }) + JSON.stringify(error)
    expect(print).not.toContain(forms.hex)
    expect(print).not.toContain(forms.base64)
    vi.advanceTimersByTime(999)
    await expect(store.load(key)).rejects.toMatchObject({ reason: 'key_unavailable', retryAfterMs: 1 })
    expect(asked).toBe(1)
    vi.advanceTimersByTime(1)
    await expect(store.load(key)).resolves.toMatchObject({ record: undefined })
    expect(asked).toBe(2)
  })

  it('that does not answer in time is an outage, and its request is aborted', async () => {
    vi.useFakeTimers()
    let seen: AbortSignal | undefined
    const store = storeWith(({ signal }) => {
      seen = signal
      return new Promise(() => {})
    })
    const loading = expect(store.load(key)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      reason: 'key_unavailable',
    })
    await vi.advanceTimersByTimeAsync(2_000)
    await loading
    expect(seen?.aborted).toBe(true)
  })

  it('that answers something else than a key is told so', async () => {
    const store = storeWith(() => 'short')
    await expect(store.load(key)).rejects.toMatchObject({ code: 'STORE_UNUSABLE', reason: 'unusable_key' })
  })
})
