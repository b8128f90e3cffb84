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
const stuck = new Set<string>()
let expected = Number.POSITIVE_INFINITY
const stopped: TokenStore = {
  ...remote,
  commit({ attempt }) {
    // A commit that does not answer is repeated.
    if (!stuck.has(attempt) && stuck.add(attempt).size === expected) process.send?.('in escrow')
    return new Promise(() => {})
  },
}

const tokens = createTokenManager({
  provider: oauth2Provider(setup.provider),
  store: escrowed(stopped, file),
})

process.on('message', (grantIds: string[]) => {
  expected = grantIds.length
  // They never settle: this process dies before its commits.
  for (const id of grantIds) void tokens.getAccessToken(id).catch(() => {})
})
process.send?.('ready')
