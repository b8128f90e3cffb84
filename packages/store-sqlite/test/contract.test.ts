import { escrowed, keyring, sealed, type TokenStore } from '@evergrant/core'
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

const ring = keyring({ current: 'k1', keys: [{ kid: 'k1', key: new Uint8Array(32).fill(1) }] })

function wrapped(wrap: (store: TokenStore) => TokenStore) {
  return async (): Promise<OpenedStore> => {
    const opened = await open()
    const second = await opened.openSecond()
    return { ...opened, store: wrap(opened.store), openSecond: async () => wrap(second) }
  }
}

describe('sealed(sqliteStore), two handles on one file', () => {
  for (const { name, run } of storeContract({ open: wrapped((store) => sealed(store, ring)) })) it(name, run)
})

describe('escrowed and sealed, both ways, two handles on one remote and one local file', () => {
  const compositions: Record<string, (remote: TokenStore, local: TokenStore) => TokenStore> = {
    'escrowed(sealed, sealed)': (remote, local) => escrowed(sealed(remote, ring), sealed(local, ring)),
    'sealed(escrowed)': (remote, local) => sealed(escrowed(remote, local), ring),
  }
  for (const [composition, compose] of Object.entries(compositions)) {
    async function openBoth(): Promise<OpenedStore> {
      const [remote, local] = [await open(), await open()]
      const seconds = [await remote.openSecond(), await local.openSecond()] as const
      return {
        store: compose(remote.store, local.store),
        openSecond: async () => compose(...seconds),
        async advance(ms) {
          await remote.advance?.(ms)
          await local.advance?.(ms)
        },
        async close() {
          await remote.close()
          await local.close()
        },
      }
    }
    for (const { name, run } of storeContract({ open: openBoth })) it(`${composition}: ${name}`, run)
  }
})
