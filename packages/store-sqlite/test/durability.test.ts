import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { sqliteStore } from '../src/index.js'
import { freshPath } from './database-folder.js'
import { startProgram } from './processes/start-program.js'

/** Kills a process that commits as fast as it can; answers the last generation that it was told is stored. */
async function killWhileCommitting(path: string, grantId: string): Promise<number> {
  const child = startProgram('commit-forever.ts', [path, grantId])
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
  })
  await once(child.stdout, 'data')
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 150))
  child.kill('SIGKILL')
  await once(child, 'close')
  const acknowledged = text.slice(0, text.lastIndexOf('\n')).split('\n')
  return Number(acknowledged.at(-1))
}

describe('kill -9 in the middle of commits', () => {
  it('keeps every commit that was answered, of each of the processes on the file (P3)', async () => {
    const path = freshPath()
    for (let round = 0; round < 2; round++) {
      const grantIds = ['a', 'b', 'c'].map((name) => `${name}-${round}`)
      const acknowledged = await Promise.all(grantIds.map((grantId) => killWhileCommitting(path, grantId)))
      const store = sqliteStore({ path })
      for (const [i, grantId] of grantIds.entries()) {
        const { record } = await store.load({ provider: 'p', grantId })
        const last = acknowledged[i] ?? 0
        expect(last).toBeGreaterThanOrEqual(2)
        // One more may be stored than was told: it was killed in between.
        expect([last, last + 1]).toContain(record?.generation)
        expect(record?.secret).toBe(`secret-${record?.generation}`)
      }
      await store.close()
    }
  })
})

it('has everything in the one file after the last close, so that a copy of it is a backup', async () => {
  const path = freshPath()
  const store = sqliteStore({ path })
  const saved = { secret: 's', expiresAtMs: null, renewAtMs: null, chain: 'c', generation: 1 } as const
  await store.save({ provider: 'p', grantId: 'g', ...saved })
  await store.close()
  copyFileSync(path, `${path}.copy`)
  const restored = sqliteStore({ path: `${path}.copy` })
  expect((await restored.load({ provider: 'p', grantId: 'g' })).record?.secret).toBe('s')
  await restored.close()
})
