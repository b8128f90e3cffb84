import { memoryStore } from '@evergrant/core'
import { describe, expect, it } from 'vitest'
import { type OpenedStore, storeContract } from '../../src/index.js'

async function openWithOwnClock(): Promise<OpenedStore> {
  let nowMs = 1_800_000_000_000
  const store = memoryStore({ now: () => nowMs })
  return {
    store,
    openSecond: async () => store,
    advance: (ms) => {
      nowMs += ms
    },
    close: async () => {},
  }
}

async function openWithRealClock(): Promise<OpenedStore> {
  const store = memoryStore()
  return { store, openSecond: async () => store, close: async () => {} }
}

describe('memoryStore, on a clock that the suite moves', () => {
  for (const { name, run } of storeContract({ open: openWithOwnClock })) it(name, run)
})

describe('memoryStore, on the real clock', () => {
  for (const { name, run } of storeContract({ open: openWithRealClock })) it(name, run)
})

it('has a name of its own for every case', () => {
  const names = storeContract({ open: openWithOwnClock }).map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})
