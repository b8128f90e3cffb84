/** What docs/sealing.md says, done. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  createTokenManager,
  type Keyring,
  keyring,
  memoryStore,
  oauth2Provider,
  sealed,
} from '@evergrant/core'
import { startAuthorizationServer } from '@evergrant/testing'
import { afterEach, expect, it, onTestFinished, vi } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const scratch = join(root, 'integration', '.readme', 'sealing')

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(scratch, { recursive: true, force: true })
})

/** The code of the page, each block as a module of its own. */
function blocks(): string[] {
  const page = readFileSync(join(root, 'docs', 'sealing.md'), 'utf8')
  mkdirSync(scratch, { recursive: true })
  return [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ''], i) => {
    const file = join(scratch, `block-${i}.ts`)
    writeFileSync(file, code)
    return file
  })
}

it('the code of the page passes the type check', () => {
  expect(blocks()).toHaveLength(3)
  const config = join(scratch, 'tsconfig.json')
  writeFileSync(config, JSON.stringify({ extends: '../../tsconfig.json', include: ['*.ts'] }))
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const { status, stdout } = spawnSync(tsc, ['-p', config], { encoding: 'utf8' })
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
}, 60_000)

it('the key service of the page is asked once and gives the key', async () => {
  const asked: unknown[] = []
  const service = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      asked.push([request.url, request.headers['x-vault-token'], JSON.parse(body)])
      response.end(JSON.stringify({ data: { plaintext: Buffer.alloc(32, 1).toString('base64') } }))
    })
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void service.close())
  vi.stubEnv('VAULT_ADDR', `http://127.0.0.1:${(service.address() as AddressInfo).port}`)
  vi.stubEnv('VAULT_TOKEN', 'token')
  vi.stubEnv('EVERGRANT_KEY_2026_11', 'vault:v1:abc')
  const { ring } = (await import(blocks()[2] ?? '')) as { ring: Keyring }
  const inner = memoryStore()
  const pair = { secret: 's', expiresAtMs: null, renewAtMs: null }
  await sealed(inner, ring).save({ provider: 'p', grantId: 'g', chain: 'c', generation: 1, ...pair })
  const same = keyring({ current: '2026-11', keys: [{ kid: '2026-11', key: Buffer.alloc(32, 1) }] })
  expect((await sealed(inner, same).load({ provider: 'p', grantId: 'g' })).record?.secret).toBe('s')
  expect(asked).toEqual([['/v1/transit/decrypt/evergrant', 'token', { ciphertext: 'vault:v1:abc' }]])
})

it('a new key replaces the old one in a running fleet, without an error and without a login', async () => {
  const server = await startAuthorizationServer({ preset: 'oidcProvider' })
  onTestFinished(() => server.close())
  const inner = memoryStore()
  const keys = { old: 'aa'.repeat(32), new: 'bb'.repeat(32) }
  const ringOf = (...kids: (keyof typeof keys)[]) =>
    keyring({ current: kids[0] ?? '', keys: kids.map((kid) => ({ kid, key: keys[kid] })) })
  const { clientId, clientSecret, tokenEndpoint } = server
  const provider = oauth2Provider({ id: 'p', clientId, clientSecret, tokenEndpoint })
  const timings = { minRotationIntervalMs: 0 }
  const start = (ring: Keyring) => createTokenManager({ provider, store: sealed(inner, ring), timings })
  const ids = ['busy', 'idle', 'also idle']
  const use = (tokens: ReturnType<typeof start>) => tokens.getAccessToken('busy', { forceRefresh: true })

  let [a, b] = [start(ringOf('old')), start(ringOf('old'))]
  for (const id of ids) await a.saveGrant(id, server.issueGrant())
  const deploy = async (ring: Keyring): Promise<void> => {
    // One process after the other: each step runs in a fleet of both versions.
    await a.close()
    a = start(ring)
    await use(a)
    await use(b)
    await b.close()
    b = start(ring)
    await use(b)
    await use(a)
  }
  await deploy(ringOf('old', 'new'))
  await deploy(ringOf('new', 'old'))
  const tool = sealed(inner, ringOf('new', 'old'))
  await expect(tool.assertRetirable('old', { provider: 'p' })).rejects.toMatchObject({ reason: 'key_in_use' })
  expect(await tool.reseal({ provider: 'p' })).toMatchObject({ done: 3, resealed: 2, unreadable: 0 })
  await tool.assertRetirable('old', { provider: 'p' })
  await deploy(ringOf('new'))
  for (const id of ids) expect((await a.getAccessToken(id)).grantId).toBe(id)
  expect(server.ledger.doubleSpends()).toHaveLength(0)
  await a.close()
  await b.close()
})
