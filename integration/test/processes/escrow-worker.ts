/**
 * A process that rotates many grants, gets every successor into escrow, and is then stopped before the remote
 * commit, where it is to be killed.
 */
import { createTokenManager, escrowed, oauth2Provider, type TokenStore } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { readSetup, serve } from '@evergrant/store-tests/processes/serve'
import type { EscrowJobs, WorkerSetup } from './messages.js'

const setup = readSetup<WorkerSetup>()
const remote = sqliteStore({ path: setup.path })
const file = sqliteStore({ path: `${setup.path}.escrow` })
const stuck = new Set<string>()
let expected = Number.POSITIVE_INFINITY
let allStuck = (): void => {}
const stopped: TokenStore = {
  ...remote,
  commit({ attempt }) {
    // A commit that does not answer is repeated.
    if (!stuck.has(attempt) && stuck.add(attempt).size === expected) allStuck()
    return new Promise(() => {})
  },
}

const tokens = createTokenManager({
  provider: oauth2Provider(setup.provider),
  store: escrowed(stopped, file),
})

serve<EscrowJobs>({
  fillEscrow(grantIds) {
    expected = grantIds.length
    const filled = new Promise<void>((resolve) => {
      allStuck = resolve
    })
    // They never settle: this process dies before its commits.
    for (const id of grantIds) void tokens.getAccessToken(id).catch(() => {})
    return filled
  },
})
