/**
 * A process that rotates many grants, gets every successor into escrow, and is then stopped before the remote
 * commit: it says so and waits to be killed.
 */
import { createTokenManager, escrowed, oauth2Provider, type TokenStore } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import type { WorkerSetup } from './messages.js'

const setup = JSON.parse(process.argv[2] ?? '') as WorkerSetup
const remote = sqliteStore({ path: setup.path })
const file = sqliteStore({ path: `${setup.path}.escrow` })
const tookMs: number[] = []
const local: TokenStore = {
  ...file,
  async save(request) {
    const startMs = performance.now()
    const answer = await file.save(request)
    tookMs.push(performance.now() - startMs)
    return answer
  },
}
let stuck = 0
let expected = Number.POSITIVE_INFINITY
const stopped: TokenStore = {
  ...remote,
  commit() {
    stuck += 1
    if (stuck === expected) process.send?.({ tookMs })
    return new Promise(() => {})
  },
}

const tokens = createTokenManager({
  provider: oauth2Provider(setup.provider),
  store: escrowed(stopped, local),
})

process.on('message', (grantIds: string[]) => {
  expected = grantIds.length
  // They never settle: this process dies before its commits.
  for (const id of grantIds) void tokens.getAccessToken(id).catch(() => {})
})
process.send?.('ready')
