import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { isEvergrantError } from '@evergrant/core'
import { fromSource } from '@evergrant/store-tests/processes/start'
import Database from 'libsql'
import { afterEach, describe, expect, it } from 'vitest'
import { type SqliteStore, type SqliteStoreOptions, sqliteStore } from '../src/index.js'
import { freshPath } from './database-folder.js'

const key = { provider: 'p', grantId: 'g' }
const secret = 'fixture-secret-1'
const request = { ...key, chain: 'c', generation: 1, secret, expiresAtMs: null, renewAtMs: null } as const

/** What a first call rejects with. */
async function failureOf(path: string) {
  const error = await sqliteStore({ path })
    .save(request)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    )
  if (!isEvergrantError(error)) throw new Error(`not one of ours: ${inspect(error)}`)
  expect(error.message).toContain('option `path`')
  expect(error.message).toContain(path)
  expect(inspect(error) + JSON.stringify(error)).not.toContain(secret)
  return error
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

describe('options', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['an empty path', { path: '' }],
    ['no path', {}],
    ['a path with NUL', { path: 'a\0b' }],
    ['a URL', { path: 'file:tokens.db' }],
    ['a server', { path: 'http://127.0.0.1:8080' }],
    ['a clock that is no function', { path: 'a.db', now: 5 }],
    ['a negative wait', { path: 'a.db', busyTimeoutMs: -1 }],
    ['a wait without end', { path: 'a.db', busyTimeoutMs: Number.POSITIVE_INFINITY }],
  ])('refuses %s at construction', (_, options) => {
    expect(() => sqliteStore(options as SqliteStoreOptions)).toThrow(TypeError)
  })

  it('sends whoever wants memory to memoryStore', () => {
    expect(() => sqliteStore({ path: ':memory:' })).toThrow(/memoryStore/)
  })

  it('touches nothing at construction', () => {
    const path = freshPath()
    sqliteStore({ path })
    expect(readdirSync(dirname(path))).toEqual([])
  })
})

describe('a file that cannot be used', () => {
  it('says that the folder is missing, and works once it is there', async () => {
    const path = join(dirname(freshPath()), 'missing', 'tokens.db')
    const store = sqliteStore({ path })
    await expect(store.load(key)).rejects.toMatchObject({ code: 'STORE_UNUSABLE', reason: 'ENOENT' })
    expect((await failureOf(path)).message).toMatch(/folder that does not exist.*Create/)
    mkdirSync(dirname(path))
    expect(await store.save(request)).toMatchObject({ record: { generation: 1 } })
    await store.close()
  })

  it('says that the file is read-only, and changes nothing', async () => {
    const path = freshPath()
    writeFileSync(path, '')
    chmodSync(path, 0o444)
    expect(await failureOf(path)).toMatchObject({ code: 'STORE_UNUSABLE', reason: 'READ_ONLY' })
    expect([modeOf(path), statSync(path).size]).toEqual(['444', 0])
  })

  it('says that it is a folder', async () => {
    const path = dirname(freshPath())
    expect(await failureOf(path)).toMatchObject({ code: 'STORE_UNUSABLE', reason: 'NOT_A_FILE' })
  })

  it.each([
    ['a short text', 'hello'],
    ['a long text', 'This is not a database. '.repeat(1_000)],
  ])('says that it is no database: %s, and changes nothing', async (_, text) => {
    const path = freshPath()
    writeFileSync(path, text, { mode: 0o644 })
    expect(await failureOf(path)).toMatchObject({ code: 'STORE_UNUSABLE', reason: 'SQLITE_NOTADB' })
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(modeOf(path)).toBe('644')
    expect(readdirSync(dirname(path))).toEqual([basename(path)])
  })

  it('refuses the database of another application, and changes nothing', async () => {
    const path = freshPath()
    const db = new Database(path)
    db.exec('CREATE TABLE customers (id INTEGER)')
    db.close()
    const before = readFileSync(path)
    expect(await failureOf(path)).toMatchObject({ code: 'STORE_UNUSABLE', reason: 'FOREIGN_DATABASE' })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('refuses a newer schema, also one that arrives while the file is open', async () => {
    const path = freshPath()
    const store = sqliteStore({ path })
    await store.save(request)
    const db = new Database(path)
    db.exec('PRAGMA user_version = 99')
    db.close()
    const newer = { code: 'STORE_UNUSABLE', reason: 'NEWER_SCHEMA' }
    expect(await failureOf(path)).toMatchObject(newer)
    expect((await failureOf(path)).message).toMatch(/schema 99.*Upgrade/)
    await expect(store.save(request)).rejects.toMatchObject(newer)
    await expect(store.load(key)).rejects.toMatchObject(newer)
    await store.close()
  })

  it.runIf(process.getuid?.() === 0)('says whose permissions are missing to another user', () => {
    const folder = dirname(freshPath())
    chmodSync(folder, 0o755)
    const program = `
      import { sqliteStore } from '@evergrant/store-sqlite'
      process.setuid(65534)
      for (const path of process.argv.slice(1)) {
        const error = await sqliteStore({ path }).load({ provider: 'p', grantId: 'g' }).catch((e) => e)
        console.log(error.code, error.reason)
      }`
    writeFileSync(join(folder, 'theirs.db'), '', { mode: 0o600 })
    const paths = [join(folder, 'theirs.db'), join(folder, 'new.db')]
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    const options = ['--input-type=module', '-e', program, ...paths]
    const { stdout } = spawnSync(process.execPath, [...fromSource, ...options], { cwd, encoding: 'utf8' })
    expect(stdout).toBe('STORE_UNUSABLE EACCES\nSTORE_UNUSABLE EACCES\n')
  })
})

it('a row that was changed from outside is an error that does not quote it', async () => {
  const path = freshPath()
  const store = sqliteStore({ path })
  await store.save(request)
  const db = new Database(path)
  db.prepare('UPDATE grants SET secret = ?').run([secret])
  db.close()
  const error = await store.load(key).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'STORE_UNUSABLE', reason: 'DAMAGED_ROW' })
  expect(inspect(error)).not.toContain(secret)
  await store.close()
})

describe('permissions', () => {
  const umask = process.umask(0)
  process.umask(umask)
  afterEach(() => process.umask(umask))

  it('are the owner’s alone for every file, however open the umask is', async () => {
    process.umask(0)
    const path = freshPath()
    const store = sqliteStore({ path })
    await store.watch({ changed() {}, gap() {} })
    await store.save(request)
    const files = readdirSync(dirname(path)).sort()
    const name = basename(path)
    expect(files).toEqual([name, `${name}-notify`, `${name}-shm`, `${name}-wal`])
    for (const file of files) expect([file, modeOf(join(dirname(path), file))]).toEqual([file, '600'])
    await store.close()
  })

  it('are withdrawn from others when a file of ours was copied carelessly', async () => {
    const path = freshPath()
    const first = sqliteStore({ path })
    await first.save(request)
    await first.close()
    chmodSync(path, 0o644)
    const store = sqliteStore({ path })
    await store.load(key)
    expect(modeOf(path)).toBe('600')
    await store.close()
  })
})

describe('a file that goes away while it is open', () => {
  async function open(): Promise<[SqliteStore, string]> {
    const path = freshPath()
    const store = sqliteStore({ path })
    await store.save(request)
    return [store, path]
  }

  it('is made anew when it was removed: no commit goes into a file that nobody can find', async () => {
    const [store, path] = await open()
    unlinkSync(path)
    expect((await store.load(key)).record).toBeUndefined()
    await store.save({ ...request, chain: 'c2' })
    const other = sqliteStore({ path })
    expect((await other.load(key)).record?.chain).toBe('c2')
    await Promise.all([store.close(), other.close()])
  })

  it('is the new one when it was replaced by a backup', async () => {
    const [store, path] = await open()
    const backup = freshPath()
    const writer = sqliteStore({ path: backup })
    await writer.save({ ...request, chain: 'from-backup' })
    const db = new Database(backup)
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.close()
    for (const suffix of ['-wal', '-shm']) unlinkSync(path + suffix)
    renameSync(backup, path)
    expect((await store.load(key)).record?.chain).toBe('from-backup')
    await Promise.all([store.close(), writer.close()])
  })
})

it('rejects with CLOSED after close, which may be repeated', async () => {
  const store = sqliteStore({ path: freshPath() })
  const begun = store.save(request)
  await store.close()
  await store.close()
  expect(await begun).toMatchObject({ record: { generation: 1 } })
  await expect(store.load(key)).rejects.toMatchObject({ code: 'CLOSED' })
})
