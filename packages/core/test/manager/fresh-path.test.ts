import { expect, it } from 'vitest'
import { createTokenManager } from '../../src/manager/create-token-manager.js'
import { oauth2Provider } from '../../src/provider/oauth2-provider.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { systemClock } from '../../src/time/clock.js'

it('the path of a fresh token asks nobody, sets no timer and makes no promise', async () => {
  let asked = 0
  let timers = 0
  const inner = memoryStore()
  const store = new Proxy(inner, {
    get(target, name, receiver) {
      asked += 1
      return Reflect.get(target, name, receiver)
    },
  })
  const tokens = createTokenManager({
    provider: oauth2Provider({ id: 'p', clientId: 'c', tokenEndpoint: 'https://as.example/token' }),
    store,
    clock: {
      ...systemClock,
      setTimeout(run, delayMs) {
        timers += 1
        return systemClock.setTimeout(run, delayMs)
      },
    },
  })
  await tokens.saveGrant('g', { access_token: 'a', refresh_token: 'r', expires_in: 3600 })
  const first = tokens.getAccessToken('g')
  await first
  asked = 0
  timers = 0
  for (let call = 0; call < 1_000; call++) expect(tokens.getAccessToken('g')).toBe(first)
  const { signal } = new AbortController()
  expect(tokens.getAccessToken('g', { signal, timeoutMs: undefined })).toBe(first)
  expect({ asked, timers }).toEqual({ asked: 0, timers: 0 })
  await tokens.close()
})

it.each([
  [{ timeoutMs: -1 }, 'timeoutMs'],
  [{ closeTimeoutMs: Number.NaN }, 'closeTimeoutMs'],
  [{ maxCachedGrants: 0 }, 'maxCachedGrants'],
  [{ store: {} as never }, 'store'],
  [{ provider: undefined as never }, 'provider'],
  [{ onEvent: 'log' as never }, 'onEvent'],
])('a wrong option %j is a TypeError that names it', (change, name) => {
  const provider = oauth2Provider({ id: 'p', clientId: 'c', tokenEndpoint: 'https://as.example/token' })
  const make = () => createTokenManager({ provider, store: memoryStore(), ...change })
  expect(make).toThrow(TypeError)
  expect(make).toThrow(`'${name}'`)
})
