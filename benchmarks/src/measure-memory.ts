import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createTokenManager, type OAuth2ProviderOptions, oauth2Provider } from '@evergrant/core'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import type { FilledStore } from './filled-store.js'
import { PROVIDER } from './made-up-grants.js'
import type { MemoryReport, MemorySetup } from './memory-messages.js'

export const DUE_GRANTS = 2_000
export const MAX_CACHED_GRANTS = 200
const READS = 5_000
const SWEEP_INTERVAL_MS = 50

const LIFETIME_MS = 3_600_000
/** Past the point of renewal of every grant, and far from expiry. */
const AGE_MS = LIFETIME_MS * 0.73
const SAVED_AT_ONCE = 50

/** Adds grants that the server knows, received so long ago that all of them are due. */
async function addDueGrants(
  { store }: FilledStore,
  options: OAuth2ProviderOptions,
  server: AuthorizationServer,
): Promise<void> {
  const tokens = createTokenManager({ provider: oauth2Provider(options), store })
  const receivedAtMs = Date.now() - AGE_MS
  for (let n = 0; n < DUE_GRANTS; n += SAVED_AT_ONCE) {
    const ids = Array.from({ length: SAVED_AT_ONCE }, (_, i) => `due-${n + i}`)
    await Promise.all(ids.map((id) => tokens.saveGrant(id, server.issueGrant(), { receivedAtMs })))
  }
  await tokens.close()
}

/** Code that is compiled again, or thrown away, while it runs would hide how much data there is. */
const QUIET = ['--expose-gc', '--no-opt', '--no-lazy-feedback-allocation', '--no-flush-bytecode']

function runProcess(setup: MemorySetup): Promise<MemoryReport> {
  const file = fileURLToPath(new URL('./keep-alive-process.ts', import.meta.url))
  const child = fork(file, [JSON.stringify(setup)], { execArgv: [...process.execArgv, ...QUIET] })
  return new Promise((resolve, reject) => {
    child.once('message', (report) => resolve(report as MemoryReport))
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`keep-alive-process ended: ${signal ?? code}`)))
  })
}

export interface MeasuredMemory extends MemoryReport {
  readonly tokenRequests: number
  readonly doubleSpends: number
}

/** The memory of one process that keeps the grants of this store alive; the server lives in this process. */
export async function measureMemory(filled: FilledStore): Promise<MeasuredMemory> {
  const server = await startAuthorizationServer({
    preset: 'oidcProvider',
    accessTokenLifetimeMs: LIFETIME_MS,
    throttle: null,
  })
  try {
    const { clientId, clientSecret, tokenEndpoint } = server
    const provider = { id: PROVIDER, clientId, clientSecret, tokenEndpoint }
    await addDueGrants(filled, provider, server)
    const report = await runProcess({
      store: filled.address,
      provider,
      maxCachedGrants: MAX_CACHED_GRANTS,
      sweepIntervalMs: SWEEP_INTERVAL_MS,
      renewals: { total: DUE_GRANTS, each: 250 },
      reads: { total: READS, each: 1_000, outOf: filled.grants },
    })
    const { ledger } = server
    return {
      ...report,
      tokenRequests: ledger.tokenRequests().length,
      doubleSpends: ledger.doubleSpends().length,
    }
  } finally {
    await server.close()
  }
}
