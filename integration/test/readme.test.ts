/** The examples of the READMEs that need several packages, run as they stand; only addresses are replaced. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const scratch = join(root, 'integration', '.readme')

let server: AuthorizationServer
let folder: string

beforeEach(async () => {
  server = await startAuthorizationServer({ preset: 'passolution' })
  folder = mkdtempSync(join(tmpdir(), 'evergrant-readme-'))
  mkdirSync(scratch, { recursive: true })
})

afterEach(async () => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
  rmSync(scratch, { recursive: true, force: true })
})

/** Runs the first TypeScript block of a README and returns what it printed. */
async function runExample(readme: string, replacements: Record<string, string>): Promise<unknown[]> {
  const text = readFileSync(join(root, readme), 'utf8')
  let code = /```ts\n([\s\S]*?)```/.exec(text)?.[1]
  if (!code) throw new Error(`${readme} has no example`)
  for (const [part, replacement] of Object.entries({
    'tokens.db': join(folder, 'tokens.db'),
    ...replacements,
  })) {
    if (!code.includes(part)) throw new Error(`${readme}: the example no longer has ${part}`)
    code = code.replaceAll(part, replacement)
  }
  const file = join(scratch, `${readme.replaceAll(/\W/g, '-')}.ts`)
  writeFileSync(file, code)
  const printed: unknown[] = []
  vi.spyOn(console, 'log').mockImplementation((...values) => void printed.push(...values))
  await import(file)
  return printed
}

it('README.md', async () => {
  vi.stubEnv('PASSOLUTION_CLIENT_ID', server.clientId)
  vi.stubEnv('PASSOLUTION_CLIENT_SECRET', server.clientSecret)
  vi.stubGlobal('replyOfTheCodeExchange', server.issueGrant())
  const printed = await runExample('README.md', {
    'passolution({': `passolution({ authorizationServer: '${server.origin}', api: '${server.origin}',`,
    'https://api.passolution.eu': server.origin,
  })
  expect(printed).toEqual([200])
})

it('packages/core/README.md', async () => {
  vi.stubEnv('CLIENT_ID', server.clientId)
  vi.stubEnv('CLIENT_SECRET', server.clientSecret)
  vi.stubGlobal('sendUserTo', async (url: string) => {
    const response = await fetch(url, { redirect: 'manual' })
    return response.headers.get('location')
  })
  const printed = await runExample('packages/core/README.md', {
    'https://login.example.com': server.origin,
    'https://api.example.com': server.origin,
  })
  expect(printed).toEqual([200])
})
