import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type OpenedStore, storeContract } from '@evergrant/testing'
import { describe, it } from 'vitest'
import { jsonFileStore } from '../src/json-file-store.js'

async function open(): Promise<OpenedStore> {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-json-'))
  let nowMs = 1_800_000_000_000
  const openOne = () => jsonFileStore({ path: join(folder, 'tokens.json'), now: () => nowMs })
  return {
    store: openOne(),
    openSecond: async () => openOne(),
    advance(ms) {
      nowMs += ms
    },
    async close() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

describe('a store written by docs/writing-a-store.md', () => {
  for (const { name, run } of storeContract({ open })) it(name, run)
})
