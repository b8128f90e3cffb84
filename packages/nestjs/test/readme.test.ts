import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { Test } from '@nestjs/testing'
import { expect, it, vi } from 'vitest'
import { emulateProvider } from '../src/testing/index.js'
import { cleanUp, recordingLogger } from './world.js'

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8')

it('the example of the README is the one that runs below', async () => {
  const example = /```ts\n([\s\S]*?)```/.exec(await read('../README.md'))?.[1]
  expect(example).toBe(await read('./readme-example.ts'))
})

it('the example of the README connects an account and serves its requests', async () => {
  const port = await freePort()
  vi.stubEnv('CLIENT_ID', 'test-client')
  vi.stubEnv('CLIENT_SECRET', 'test-secret')
  vi.stubEnv('CONNECT_SECRET', 'at least thirty-two random characters')
  vi.stubEnv('API', `http://127.0.0.1:${port}`)
  const { AppModule } = await import('./readme-example.js')

  const builder = Test.createTestingModule({ imports: [AppModule] }).setLogger(recordingLogger())
  const server = await emulateProvider(builder, { server: { port } })
  const app = (await builder.compile()).createNestApplication({ forceCloseConnections: true })
  cleanUp(() => app.close())
  app.use((request: { session?: object }, _: unknown, next: () => void) => {
    request.session = { accountId: 'agency-42' }
    next()
  })
  await app.listen(0, '127.0.0.1')
  const url = await app.getUrl()

  const refused = await fetch(`${url}/countries`)
  expect(await refused.json()).toMatchObject({ status: 401, code: 'grant_not_found', connect: '/connect' })

  const begun = await fetch(`${url}/connect?returnTo=/countries`, { redirect: 'manual' })
  const consented = await fetch(begun.headers.get('location') ?? '', { redirect: 'manual' })
  const back = new URL(consented.headers.get('location') ?? '')
  expect(`${back.origin}${back.pathname}`).toBe('http://localhost:3000/connect/callback')
  const cookie = begun.headers.getSetCookie().map((one) => one.split(';')[0])
  const served = await fetch(`${url}${back.pathname}${back.search}`, {
    headers: { cookie: cookie.join('; ') },
  })
  expect(served.url).toBe(`${url}/countries`)
  expect(await served.json()).toMatchObject({ path: '/api/v2/infosystem/passolution' })
  expect(server.ledger.tokenRequests({ grantType: 'authorization_code' })).toHaveLength(1)
})

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}
