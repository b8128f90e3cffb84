import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import Database from 'libsql'
import { describe, expect, it } from 'vitest'
import { type SqliteStore, sqliteStore } from '../src/index.js'
import type { ProcessIdentity } from '../src/process-identity.js'
import { freshPath } from './database-folder.js'
import { firstLine, startProgram } from './processes/start-program.js'

const link = { provider: 'p', grantId: 'g', chain: 'chain-1', generation: 1 } as const

async function open(path: string): Promise<SqliteStore> {
  const store = sqliteStore({ path })
  await store.save({ ...link, secret: 'secret-1', expiresAtMs: null, renewAtMs: null })
  return store
}

const acquire = (store: SqliteStore) =>
  store.acquire({ ...link, attempt: 'ours', ttlMs: 60_000, maxHoldMs: 60_000 })

async function startHolder(path: string, wrap: readonly string[] = []) {
  const child = startProgram('hold-lease.ts', [path], wrap)
  const { pid, status } = JSON.parse(await firstLine(child)) as { pid: number; status: string }
  expect(status).toBe('armed')
  return { child, pid }
}

const stateOf = (pid: number): string =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '')[0] ?? ''

async function untilState(pid: number, state: string): Promise<void> {
  while (stateOf(pid) !== state) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Pretends that the lease was taken by another process. */
function rewriteHolder(path: string, change: Partial<ProcessIdentity>): void {
  const db = new Database(path)
  const { holders } = db.prepare('SELECT holders FROM grants').all()[0] as { holders: string }
  const known = JSON.parse(holders) as Record<string, ProcessIdentity>
  const changed = Object.entries(known).map(([attempt, holder]) => [attempt, { ...holder, ...change }])
  db.prepare('UPDATE grants SET holders = ?').run([JSON.stringify(Object.fromEntries(changed))])
  db.close()
}

describe.runIf(process.platform === 'linux')('a lease whose holder has died', () => {
  it('is given at once, and its open attempt counts as lost', async () => {
    const path = freshPath()
    const store = await open(path)
    const { child } = await startHolder(path)
    expect((await acquire(store)).status).toBe('busy')
    const seen = (await store.load(link)).record?.attempts
    expect(seen).toMatchObject([{ id: 'theirs', state: 'open' }])

    child.kill('SIGKILL')
    await once(child, 'exit')
    const loaded = (await store.load(link)).record
    expect(loaded).toMatchObject({ sends: 1, attempts: [{ id: 'theirs', state: 'lost' }] })
    const answer = await acquire(store)
    expect(answer.status).toBe('acquired')
    expect(answer).toMatchObject({ record: { sends: 1, attempts: [{ id: 'theirs', state: 'lost' }] } })
    await store.close()
  })

  it('is given at once when nobody has reaped the holder yet (a zombie)', async () => {
    const path = freshPath()
    const store = await open(path)
    const { child, pid } = await startHolder(path, ['sh', '-c', '"$@" & exec sleep 30', 'sh'])
    process.kill(pid, 'SIGKILL')
    // Its other threads end a moment after the main one; until then it counts as alive.
    await expect.poll(async () => (await acquire(store)).status).toBe('acquired')
    expect(stateOf(pid)).toBe('Z')
    child.kill('SIGKILL')
    await store.close()
  })

  it('is waited out while the holder is only stopped', async () => {
    const path = freshPath()
    const store = await open(path)
    const { child, pid } = await startHolder(path)
    child.kill('SIGSTOP')
    await untilState(pid, 'T')
    expect((await acquire(store)).status).toBe('busy')
    expect((await store.load(link)).record?.attempts).toMatchObject([{ state: 'open' }])
    child.kill('SIGKILL')
    await store.close()
  })

  it.each<[string, Partial<ProcessIdentity>, 'acquired' | 'busy']>([
    ['is given when the pid is in use by a process that started later', { startTicks: '1' }, 'acquired'],
    ['is waited out when it was taken before a restart of the machine', { bootId: 'b', pid: 1 }, 'busy'],
    ['is waited out when it was taken in another container', { namespaces: 'pid:[1] ', pid: 1 }, 'busy'],
    ['is waited out when it is ours', {}, 'busy'],
  ])('%s', async (_, change, status) => {
    const path = freshPath()
    const store = await open(path)
    const request = { ...link, attempt: 'theirs', ttlMs: 60_000, maxHoldMs: 60_000 }
    await store.acquire(request)
    rewriteHolder(path, change)
    expect((await acquire(store)).status).toBe(status)
    await store.close()
  })
})
