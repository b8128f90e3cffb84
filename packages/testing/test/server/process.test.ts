import { spawn } from 'node:child_process'
import {
  connectAuthorizationServer,
  type SpawnedAuthorizationServer,
  spawnAuthorizationServer,
  startAuthorizationServer,
} from '@evergrant/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'

let server: SpawnedAuthorizationServer

beforeAll(async () => {
  server = await spawnAuthorizationServer({ preset: 'okta', graceMs: 0, requestFormats: ['json'], seed: 's' })
})

afterAll(() => server.close())

function refresh(refresh_token: string): Promise<Response> {
  const { clientId: client_id, clientSecret: client_secret, tokenEndpoint } = server
  const body = JSON.stringify({ client_id, client_secret, grant_type: 'refresh_token', refresh_token })
  return fetch(tokenEndpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
}

test('runs in a process of its own, with options and every control', async () => {
  expect(server.pid).not.toBe(process.pid)
  expect(server.seed).toBe('s')
  const grant = await server.issueGrant({ sub: 'agency-42' })
  expect((await refresh(grant.refresh_token)).status).toBe(200)
  expect(await server.isAlive(grant.refresh_token)).toBe(false)
  const api = await server.issueGrant()
  expect(await server.expireAccessTokens((await server.familyOf(api.access_token)) ?? '')).toBe(1)
  expect(await server.revokeFamily(api.refresh_token)).toBe(true)
  expect(await server.issueCode()).toMatch(/^def502/)
  await server.configure({ tokenType: null })
  expect(await server.issueGrant()).not.toHaveProperty('token_type')
  await server.configure({ tokenType: 'Bearer' })
})

test('its ledger is asked here, since a mark', async () => {
  const grant = await server.issueGrant()
  const mark = await server.markLedger()
  await refresh(grant.refresh_token)
  await refresh(grant.refresh_token)
  const ledger = await server.ledger(mark)
  expect([ledger.rotations().length, ledger.doubleSpends().length]).toEqual([1, 1])
  expect(ledger.familiesRevoked('reuse')).toHaveLength(1)
  await server.clearLedger()
  expect((await server.ledger()).entries()).toEqual([])
})

test('faults and gates work from here and from whoever else has the control URL', async () => {
  const elsewhere = await connectAuthorizationServer(server.controlUrl)
  const fault = await elsewhere.faults.add({ kind: 'status', status: 503, times: 2 })
  const grant = await server.issueGrant()
  expect((await refresh(grant.refresh_token)).status).toBe(503)
  expect(await fault.hits()).toBe(1)
  await server.faults.clear()
  const gate = await elsewhere.gate()
  const pending = refresh(grant.refresh_token)
  await gate.arrived(1)
  expect(await gate.waiting()).toBe(1)
  await gate.open()
  expect((await pending).status).toBe(200)
})

test('a command that is refused rejects with the reason', async () => {
  await expect(server.issueGrant({ clientId: 'nobody' })).rejects.toThrow("there is no client 'nobody'")
  await expect(server.faults.add({ kind: 'earthquake' } as never)).rejects.toThrow('earthquake')
})

test('options that cannot be are an error, not a server', async () => {
  await expect(spawnAuthorizationServer({ preset: 'nobody' as never })).rejects.toThrow(
    'preset is not one of',
  )
})

test('a server whose parent is killed ends by itself', async () => {
  const script = `
    import { spawnAuthorizationServer } from '@evergrant/testing'
    const { pid } = await spawnAuthorizationServer()
    process.stdout.write(String(pid))
    setInterval(() => {}, 1000)`
  const parent = spawn(
    process.execPath,
    ['--conditions=@evergrant/source', '--import=tsx', '--input-type=module', '-e', script],
    { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)))
  parent.kill('SIGKILL')
  const isRunning = (): boolean => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  await expect.poll(isRunning, { timeout: 5_000 }).toBe(false)
})

test('a server in this process opens its control path only when asked to', async () => {
  const closed = await startAuthorizationServer()
  const open = await startAuthorizationServer({ control: true })
  expect(closed.controlUrl).toBeNull()
  const remote = await connectAuthorizationServer(open.controlUrl ?? '')
  expect(await remote.isAlive(open.issueGrant().refresh_token)).toBe(true)
  await expect(connectAuthorizationServer(`${open.origin}/__control/guess`)).rejects.toThrow()
  await Promise.all([closed.close(), open.close()])
})

test('close ends the process; twice is fine', async () => {
  await server.close()
  await server.close()
  expect(() => process.kill(server.pid, 0)).toThrow('ESRCH')
})
