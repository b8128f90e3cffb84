import { readFile } from 'node:fs/promises'
import { createTokenManager, isEvergrantError, memoryStore, passolution } from '@evergrant/core'
import { startAuthorizationServer } from '@evergrant/testing'
import axios, { type CreateAxiosDefaults } from 'axios'
import { expect, it } from 'vitest'
import { attachTokens } from '../src/index.js'

it('the example of the README runs as it stands there', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  const body = example.replaceAll(/^import .*\n/gm, '')
  expect(body).toContain('attachTokens(api,')

  const server = await startAuthorizationServer()
  const { origin } = server
  const printed: unknown[] = []
  const names = {
    attachTokens,
    createTokenManager,
    isEvergrantError,
    memoryStore,
    // The example's own names for the outside world, here the emulated one.
    passolution: (options: { clientId: string; clientSecret: string }) =>
      passolution({ ...options, authorizationServer: origin, api: origin }),
    axios: {
      create: (config: CreateAxiosDefaults) =>
        axios.create({ ...config, baseURL: origin, validateStatus: () => true }),
    },
    process: { env: { CLIENT_ID: server.clientId, CLIENT_SECRET: server.clientSecret } },
    replyOfTheCodeExchange: server.issueGrant(),
    console: { log: (line: unknown) => printed.push(line) },
  }
  const AsyncFunction = (async () => {}).constructor as new (
    ...source: string[]
  ) => (...values: unknown[]) => Promise<void>
  await new AsyncFunction(...Object.keys(names), body)(...Object.values(names))
  expect(printed).toEqual([expect.objectContaining({ path: '/api/v2/infosystem/passolution' })])
  expect(server.ledger.apiRequests().map(({ status }) => status)).toEqual([200, 200])
  await server.close()
})
