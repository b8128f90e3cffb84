import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Task } from '../src/heap/close-program.js'
import { copiesIn } from '../src/heap/snapshot.js'

const program = fileURLToPath(new URL('../src/heap/close-program.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'evergrant-heap-'))
const secret = (kind: string): string => `${kind}-${randomBytes(20).toString('hex')}`
const secrets = {
  'client secret': secret('client-secret'),
  'spent refresh token': secret('refresh-token'),
  'refresh token': secret('refresh-token'),
} as const
/** The application holds the token that it was given: what finds it can find. */
const heldToken = secret('access-token')
let snapshot = ''

beforeAll(async () => {
  const pair = { access_token: heldToken, refresh_token: secrets['refresh token'], expires_in: 3600 }
  const server = createServer((request, reply) => {
    request.resume()
    reply.setHeader('content-type', 'application/json')
    reply.end(request.url === '/oauth/token' ? JSON.stringify(pair) : '{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const child = fork(program, { execArgv: ['--conditions=@evergrant/source', '--import=tsx'] })
    child.send({
      origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      clientId: 'client',
      clientSecret: secrets['client secret'],
      folder,
      reply: {
        access_token: secret('access-token'),
        refresh_token: secrets['spent refresh token'],
        expires_in: 3600,
      },
    } satisfies Task)
    const [message] = (await once(child, 'message')) as [{ path: string }]
    snapshot = message.path
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('after close(), with the manager still in hand,', () => {
  it.each(Object.entries(secrets))('nothing holds a %s: not our objects, and not the runtime', (_, value) => {
    const held = copiesIn(snapshot, value).flatMap(({ path }) => path ?? [])
    expect(held).toEqual([])
  })

  it('the access token that the application kept is found: the measure works', () => {
    const held = copiesIn(snapshot, heldToken).flatMap(({ path }) => path ?? [])
    expect(held.join()).toContain('StillHeld')
  })
})
