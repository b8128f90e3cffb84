import { createTokenManager, type TokenStore } from '@evergrant/core'
import { expect, it } from 'vitest'
import { openFleet } from './regressions/scene.js'
import { shortTimings } from './small-fleet.js'

/** The same store, and what it was asked. */
function counted(store: TokenStore): { store: TokenStore; asked: string[] } {
  const asked: string[] = []
  const counting = new Proxy(store, {
    get(target, name: keyof TokenStore) {
      const value = target[name] as ((request: never) => Promise<unknown>) | undefined
      if (value === undefined || name === 'watch') return value
      return (request: never) => {
        asked.push(name)
        return value.call(target, request)
      }
    },
  })
  return { store: counting, asked }
}

it.each([
  ['a stated budget', { limit: 300, windowMs: 60_000 }],
  ['no budget, where a 429 of another must be heard of all the same', undefined],
])('a rotation asks the store four times with %s, and a fresh token asks it nothing', async (_, budget) => {
  const fleet = await openFleet({ preset: 'oidcProvider' }, budget && { budget })
  const { store, asked } = counted(fleet.store)
  const tokens = createTokenManager({ provider: fleet.facts, store, timings: shortTimings })
  try {
    await tokens.saveGrant('g', fleet.server.issueGrant())
    asked.length = 0
    await tokens.getAccessToken('g')
    expect(asked).toEqual([])
    await tokens.getAccessToken('g', { forceRefresh: true })
    expect(asked).toEqual(['acquire', 'takeBudget', 'arm', 'commit'])
  } finally {
    await tokens.close()
  }
})
