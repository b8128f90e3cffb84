import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokenManager, escrowed, oauth2Provider } from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { startAuthorizationServer } from '@evergrant/testing'
import { expect, it } from 'vitest'
import { startProcess } from './processes/start-worker.js'

const KILLS = 4
const GRANTS_A_KILL = 25

it(`${KILLS * GRANTS_A_KILL} successors of ${KILLS} processes killed right after the escrow answered are kept`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-'))
  const server = await startAuthorizationServer({ preset: 'oidcProvider' })
  const { clientId, clientSecret, tokenEndpoint, apiUrl } = server
  const provider = { id: 'p', clientId, clientSecret, tokenEndpoint }
  const path = join(folder, 'remote.db')
  const remote = sqliteStore({ path })
  const local = sqliteStore({ path: `${path}.escrow` })
  const tokens = createTokenManager({ provider: oauth2Provider(provider), store: escrowed(remote, local) })
  try {
    const tookMs: number[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      const ids = Array.from({ length: GRANTS_A_KILL }, (_, n) => `g${kill}-${n}`)
      for (const id of ids) await tokens.saveGrant(id, server.issueGrant(), { receivedAtMs: 0 })
      const child = await startProcess('./escrow-worker.ts', { path, provider, apiUrl })
      child.send(ids)
      const [inEscrow] = (await once(child, 'message')) as [{ tookMs: number[] }]
      tookMs.push(...inEscrow.tookMs)
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      const kept = await Promise.all(ids.map((id) => tokens.getAccessToken(id)))
      expect(kept.every(({ generation }) => generation === 2)).toBe(true)
    }
    expect(server.ledger.tokenRequests()).toHaveLength(KILLS * GRANTS_A_KILL)
    expect(server.ledger.doubleSpends()).toHaveLength(0)
    // Twenty-five at once queue for the disk: the lower quartile is what one successor alone sees.
    const sorted = tookMs.sort((a, b) => a - b)
    console.log(
      `escrow answered after ${sorted[Math.floor(sorted.length / 4)]?.toFixed(1)} ms (lower quartile)`,
    )
  } finally {
    await tokens.close()
    await local.close()
    await remote.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
