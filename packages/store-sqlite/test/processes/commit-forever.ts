import { writeSync } from 'node:fs'
import { sqliteStore } from '../../src/index.js'

// Rotates one grant for ever and says which generation the store has answered as committed, after each.
const [path = '', grantId = ''] = process.argv.slice(2)
const store = sqliteStore({ path })
const link = { provider: 'p', grantId, chain: 'chain-1' }
await store.save({ ...link, generation: 1, secret: 'secret-1', expiresAtMs: null, renewAtMs: null })
for (let generation = 1; ; generation++) {
  const next = { secret: `secret-${generation + 1}`, expiresAtMs: null, renewAtMs: null }
  const { status } = await store.commit({ ...link, generation, attempt: `attempt-${generation}`, next })
  if (status !== 'committed') throw new Error(`unexpected: ${status}`)
  writeSync(1, `${generation + 1}\n`)
}
