import { type OpenedStore, storeContract } from '@evergrant/testing'
import { describe, it } from 'vitest'
import { sqliteStore } from '../src/index.js'
import { freshPath } from './database-folder.js'

async function open(): Promise<OpenedStore> {
  const path = freshPath()
  let nowMs = 1_800_000_000_000
  const now = () => nowMs
  const store = sqliteStore({ path, now })
  const second = sqliteStore({ path, now })
  return {
    store,
    openSecond: async () => second,
    advance: (ms) => {
      nowMs += ms
    },
    async close() {
      await Promise.all([store.close(), second.close()])
    },
  }
}

describe('sqliteStore, two handles on one file', () => {
  for (const { name, run } of storeContract({ open })) it(name, run)
})
