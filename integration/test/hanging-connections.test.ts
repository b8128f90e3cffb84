import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, Socket } from 'node:net'
import { createTokenManager, memoryStore, oauth2Provider } from '@evergrant/core'
import { afterEach, describe, expect, it } from 'vitest'

const cleanUp: (() => void)[] = []

afterEach(() => {
  for (const clean of cleanUp.splice(0)) clean()
})

/** A manager whose lease is short, and one grant whose refresh token is easy to find in a byte stream. */
async function managerFor(tokenEndpoint: string) {
  const store = memoryStore()
  const tokens = createTokenManager({
    provider: oauth2Provider({ id: 'hanging', clientId: 'c', clientSecret: 's', tokenEndpoint }),
    store,
    timeoutMs: 1_500,
    timings: { leaseMs: 400, requestTimeoutMs: 400, armedLeaseMs: 500, settleMs: 200 },
  })
  await tokens.saveGrant(
    'g',
    { access_token: 'at', refresh_token: 'canary-refresh-token', expires_in: 1 },
    { receivedAtMs: 0 },
  )
  return { tokens, store }
}

describe('a connection that hangs until the lease is over', () => {
  it('in TLS: puts no byte of the request on the wire', async () => {
    let received = Buffer.alloc(0)
    const silent: Server = createServer((socket) => {
      socket.on('data', (data) => {
        received = Buffer.concat([received, data])
      })
      socket.on('error', () => {})
    })
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    cleanUp.push(() => silent.close())
    const { port } = silent.address() as AddressInfo
    const { tokens, store } = await managerFor(`https://127.0.0.1:${port}/token`)
    const told = { code: expect.stringMatching(/^(TIMEOUT|PROVIDER_UNAVAILABLE)$/) }
    await expect(tokens.getAccessToken('g')).rejects.toMatchObject(told)
    // A TLS handshake record was received and nothing else; no attempt was armed.
    expect(received[0]).toBe(0x16)
    expect(received.includes('canary')).toBe(false)
    expect((await store.load({ provider: 'hanging', grantId: 'g' })).record).toMatchObject({
      sends: 0,
      attempts: [],
    })
    await tokens.close()
  })

  it('in TCP: puts no byte on the wire, also not when the server wakes up later', async () => {
    // A stopped process with a full backlog: the kernel answers no further SYN.
    const child: ChildProcess = fork(new URL('./hanging-connections/silent-listener.mjs', import.meta.url))
    cleanUp.push(() => child.kill('SIGKILL'))
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    child.kill('SIGSTOP')
    const fillers = Array.from({ length: 8 }, () => {
      const socket = new Socket()
      socket.on('error', () => {})
      return socket.connect(port, '127.0.0.1')
    })
    cleanUp.push(() => fillers.forEach((socket) => void socket.destroy()))
    // One that connects within a moment would show that the backlog is not full.
    const { tokens, store } = await managerFor(`http://127.0.0.1:${port}/token`)
    const told = { code: expect.stringMatching(/^(TIMEOUT|PROVIDER_UNAVAILABLE)$/) }
    await expect(tokens.getAccessToken('g')).rejects.toMatchObject(told)
    await tokens.close()
    expect((await store.load({ provider: 'hanging', grantId: 'g' })).record).toMatchObject({
      sends: 0,
      attempts: [],
    })
    child.kill('SIGCONT')
    child.send('report')
    const [{ bytes }] = (await once(child, 'message')) as [{ bytes: number }]
    expect(bytes).toBe(0)
  })
})
