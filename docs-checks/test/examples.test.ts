/** The complete examples of docs/, run as they stand; only addresses and credentials are replaced. */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createTokenManager,
  oauth2Provider,
  passolution,
  type TokenManager,
  type TokenStore,
} from '@evergrant/core'
import { sqliteStore } from '@evergrant/store-sqlite'
import { postgresIsThere } from '@evergrant/store-tests/postgres-programs'
import { startPostgres } from '@evergrant/store-tests/postgres-server'
import { type AuthorizationServer, startAuthorizationServer } from '@evergrant/testing'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { codeBlocks } from '../src/code-blocks.js'
import { readPages, root } from '../src/pages.js'

const scratch = join(root, 'docs-checks', '.run')

type ClosableStore = TokenStore & { close(): Promise<void> }

let server: AuthorizationServer
let folder: string
let path: string
const cleanups: (() => Promise<unknown>)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-docs-'))
  path = join(folder, 'tokens.db')
  mkdirSync(scratch, { recursive: true })
})

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
  rmSync(scratch, { recursive: true, force: true })
})

async function serve(preset: 'passolution' | 'oidcProvider', clientId?: string): Promise<void> {
  server = await startAuthorizationServer({ preset, ...(clientId && { clients: [{ clientId }] }) })
  cleanups.push(() => server.close())
}

/** The first block of a page that contains this text, imported. */
async function run(page: string, containing: string, replacements: Record<string, string>): Promise<object> {
  const found = readPages().find((each) => each.path === page)
  const block = found && codeBlocks(found).find(({ code }) => code.includes(containing))
  if (!block) throw new Error(`${page} has no block with ${containing}`)
  let { code } = block
  for (const [part, replacement] of Object.entries(replacements)) {
    if (!code.includes(part)) throw new Error(`${page}: the example no longer has ${part}`)
    code = code.replaceAll(part, replacement)
  }
  const file = join(scratch, `${block.name}-${performance.now()}.ts`)
  writeFileSync(file, code)
  return import(file)
}

/** Another process's manager on the same file. */
async function beside(provider: Parameters<typeof createTokenManager>[0]['provider']): Promise<TokenManager> {
  const store = sqliteStore({ path })
  const tokens = createTokenManager({ provider, store })
  cleanups.push(async () => {
    await tokens.close()
    await store.close()
  })
  return tokens
}

it('recipe: Passolution', async () => {
  await serve('passolution')
  const { origin, clientId, clientSecret } = server
  const tokens = await beside(
    passolution({ clientId, clientSecret, authorizationServer: origin, api: origin }),
  )
  await tokens.saveGrant('agency-42', server.issueGrant())
  const { api } = (await run('docs/recipes.md', 'passolution({', {
    'passolution({': `passolution({ authorizationServer: '${origin}', api: '${origin}',`,
    "process.env.PASSOLUTION_CLIENT_ID ?? ''": `'${clientId}'`,
    "process.env.PASSOLUTION_CLIENT_SECRET ?? ''": `'${clientSecret}'`,
    'tokens.db': path,
  })) as { api: typeof fetch }
  expect((await api(server.apiUrl)).status).toBe(200)
})

/** What an issuer says of itself. On loopback it has no certificate, and discovery must be told to do without. */
async function serveMetadata(): Promise<string> {
  const metadata = createServer((request, response) => {
    const isMetadata = request.url === '/.well-known/openid-configuration'
    const { authorizationEndpoint, tokenEndpoint } = server
    const body = {
      issuer: origin,
      authorization_endpoint: authorizationEndpoint,
      token_endpoint: tokenEndpoint,
    }
    response.writeHead(isMetadata ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  })
  metadata.listen(0, '127.0.0.1')
  await once(metadata, 'listening')
  cleanups.push(async () => void metadata.close())
  const origin = `http://127.0.0.1:${(metadata.address() as AddressInfo).port}`
  return origin
}

it('recipe: any OpenID provider, by discovery', async () => {
  await serve('oidcProvider')
  const { tokens } = (await run('docs/recipes.md', 'discoveryRequest(issuer)', {
    'https://login.example.com': await serveMetadata(),
    'import { discoveryRequest,': 'import { allowInsecureRequests, discoveryRequest,',
    'discoveryRequest(issuer)': 'discoveryRequest(issuer, { [allowInsecureRequests]: true })',
    "process.env.CLIENT_ID ?? ''": `'${server.clientId}'`,
    "process.env.CLIENT_SECRET ?? ''": `'${server.clientSecret}'`,
    'tokens.db': path,
  })) as { tokens: TokenManager }
  cleanups.push(() => tokens.close())
  await tokens.saveGrant('u1', server.issueGrant())
  await tokens.getAccessToken('u1', { forceRefresh: true })
  expect(server.ledger.rotations()).toHaveLength(1)
})

// Where CI is set a missing server fails; elsewhere the tests of the store say loudly what is missing.
it.skipIf(!postgresIsThere)('choosing a store: an escrow on disk beside PostgreSQL', async () => {
  await serve('oidcProvider')
  const { clientId, clientSecret, tokenEndpoint } = server
  const postgres = await startPostgres()
  cleanups.push(() => postgres.remove())
  const { tokens, remote, local, pool } = (await run('docs/choosing-a-store.md', 'escrowed(remote', {
    '{ connectionString: process.env.DATABASE_URL }': JSON.stringify(postgres.connection),
    '/var/lib/my-service/escrow.db': path,
    "clientId: 'id'": `clientId: '${clientId}', clientSecret: '${clientSecret}'`,
    'https://login.example.com/token': tokenEndpoint,
    'const pool': 'export const pool',
    'const remote': 'export const remote',
    'const local': 'export const local',
  })) as { tokens: TokenManager; remote: ClosableStore; local: ClosableStore; pool: { end(): Promise<void> } }
  cleanups.push(async () => {
    await tokens.close()
    await local.close()
    await remote.close()
    await pool.end()
  })
  await tokens.saveGrant('u1', server.issueGrant())
  await tokens.getAccessToken('u1', { forceRefresh: true })
  expect(server.ledger.rotations()).toHaveLength(1)
  const { record } = await remote.load({ provider: 'example', grantId: 'u1' })
  expect(record?.generation).toBe(2)
})

it('recipe: Auth0, Okta, Xero', async () => {
  const providers = await run('docs/recipes.md', 'my-tenant.eu.auth0.com', {
    "process.env.AUTH0_CLIENT_SECRET ?? ''": "'secret'",
    "process.env.AUTH0_CLIENT_ID ?? ''": "'id'",
    "process.env.OKTA_CLIENT_SECRET ?? ''": "'secret'",
    "process.env.OKTA_CLIENT_ID ?? ''": "'id'",
    "process.env.XERO_CLIENT_SECRET ?? ''": "'secret'",
    "process.env.XERO_CLIENT_ID ?? ''": "'id'",
  })
  expect(Object.keys(providers).sort()).toEqual(['auth0', 'okta', 'xero'])
})

it('recipe: client credentials', async () => {
  await serve('oidcProvider')
  const { api } = (await run('docs/recipes.md', 'clientCredentials:', {
    'https://login.example.com/token': server.tokenEndpoint,
    "process.env.CLIENT_ID ?? ''": `'${server.clientId}'`,
    "process.env.CLIENT_SECRET ?? ''": `'${server.clientSecret}'`,
    'tokens.db': path,
  })) as { api: typeof fetch }
  expect((await api(server.apiUrl)).status).toBe(200)
})

it('recipe: a tool signs in through a browser, once, and has its token the next time', async () => {
  await serve('oidcProvider', 'my-tool')
  const lines: string[] = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => {
    lines.push(line)
    // The browser: consents, and follows the way back to the tool.
    if (line.startsWith('Open ')) void fetch(line.slice('Open '.length))
  })
  const replacements = {
    'https://login.example.com/authorize': server.authorizationEndpoint,
    'https://login.example.com/token': server.tokenEndpoint,
    'homedir()': `'${folder}'`,
  }
  await run('docs/recipes.md', 'async function signIn', replacements)
  await run('docs/recipes.md', 'async function signIn', replacements)
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['Open', '[AccessToken'])
})

it('recipe: tokens from a table', async () => {
  await serve('oidcProvider')
  const { access_token: access, refresh_token: refresh } = server.issueGrant()
  vi.stubGlobal('rows', [{ user: 'u1', access, refresh, expiresIn: 3600, receivedAt: new Date() }])
  await run('docs/recipes.md', 'of rows)', {
    'https://login.example.com/token': server.tokenEndpoint,
    'tokens.db': path,
  })
  const { tokenEndpoint } = server
  const tokens = await beside(oauth2Provider({ id: 'example', clientId: 'id', tokenEndpoint }))
  expect((await tokens.getAccessToken('u1')).reveal()).toBe(access)
})

it('an adapter in thirty lines replays a refused request with the next token', async () => {
  await serve('oidcProvider')
  const { clientId, clientSecret, tokenEndpoint } = server
  const tokens = await beside(oauth2Provider({ id: 'example', clientId, clientSecret, tokenEndpoint }))
  const grant = server.issueGrant()
  await tokens.saveGrant('u1', grant)
  server.expireAccessTokens(server.familyOf(grant.refresh_token) ?? '')
  const { withTokens } = (await run('docs/writing-an-adapter.md', 'function withTokens', {})) as {
    withTokens(
      send: (call: { url: string; headers?: Record<string, string> }) => Promise<{ status: number }>,
      tokens: TokenManager,
      grantId: string,
    ): (call: { url: string }) => Promise<{ status: number }>
  }
  const send = withTokens(({ url, headers }) => fetch(url, headers ? { headers } : {}), tokens, 'u1')
  expect((await send({ url: server.apiUrl })).status).toBe(200)
  expect(server.ledger.apiRequests().map(({ status }) => status)).toEqual([401, 200])
  expect(server.ledger.rotations()).toHaveLength(1)
})
