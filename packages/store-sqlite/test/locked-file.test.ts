import { monitorEventLoopDelay } from 'node:perf_hooks'
import { inspect } from 'node:util'
import Database from 'libsql'
import { describe, expect, it } from 'vitest'
import { translateDriverError } from '../src/driver-errors.js'
import { sqliteStore } from '../src/index.js'
import { freshPath } from './database-folder.js'

const secret = 'fixture-secret-2'
const request = {
  provider: 'p',
  grantId: 'g',
  chain: 'c',
  generation: 1,
  secret,
  expiresAtMs: null,
  renewAtMs: null,
} as const

describe('while another process holds the file locked', () => {
  it('waits without blocking the event loop, then rejects with STORE_UNAVAILABLE', async () => {
    const path = freshPath()
    const store = sqliteStore({ path, busyTimeoutMs: 300 })
    await store.save(request)
    const other = new Database(path)
    other.exec('BEGIN IMMEDIATE')
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const beganMs = performance.now()
    const saves = Array.from({ length: 5 }, (_, i) => store.save({ ...request, chain: `c${i}` }))
    const failures = Promise.all(saves.map((save) => save.catch((error) => error)))
    expect((await store.load(request)).record?.chain).toBe('c')
    expect(performance.now() - beganMs).toBeLessThan(100)
    const errors = await failures
    delay.disable()
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', reason: 'SQLITE_BUSY' })
      expect(inspect(error)).not.toContain(secret)
    }
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(300)
    expect(performance.now() - beganMs).toBeLessThan(1_000)
    expect(delay.max / 1e6).toBeLessThan(100)

    // Writing goes on when the lock is gone.
    const waiting = store.save({ ...request, chain: 'late' })
    setTimeout(() => other.exec('COMMIT'), 50)
    expect(await waiting).toMatchObject({ status: 'saved', record: { chain: 'late' } })
    other.close()
    await store.close()
  })

  it('waits as well when the file is first opened', async () => {
    const path = freshPath()
    const other = new Database(path)
    other.exec('BEGIN EXCLUSIVE')
    const store = sqliteStore({ path })
    const saving = store.save(request)
    setTimeout(() => other.exec('COMMIT'), 50)
    expect(await saving).toMatchObject({ record: { generation: 1 } })
    other.close()
    await store.close()
  })
})

it('many steps at once leave the event loop its turns', async () => {
  const store = sqliteStore({ path: freshPath() })
  await store.save(request)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const many = Array.from({ length: 400 }, (_, i) => store.save({ ...request, chain: `c${i}` }))
  await Promise.all(many)
  delay.disable()
  expect(delay.max / 1e6).toBeLessThan(100)
  await store.close()
})

it('a lock that was met leaves no old snapshot behind: later reads see later commits', async () => {
  const path = freshPath()
  const store = sqliteStore({ path, busyTimeoutMs: 20 })
  await store.save(request)
  const other = new Database(path)
  for (let round = 1; round <= 3; round++) {
    other.exec('BEGIN IMMEDIATE')
    await expect(store.save({ ...request, chain: 'refused' })).rejects.toMatchObject({
      reason: 'SQLITE_BUSY',
    })
    other.exec(`UPDATE grants SET sends = ${round}; COMMIT`)
    expect((await store.load(request)).record?.sends).toBe(round)
    other.exec(`UPDATE grants SET sends = ${round + 10}`)
    expect((await store.load(request)).record?.sends).toBe(round + 10)
    const answer = await store.save({ ...request, chain: `chain-${round}` })
    expect(answer).toMatchObject({ record: { chain: `chain-${round}` } })
  }
  other.close()
  await store.close()
})

describe('what the driver reports', () => {
  const driverError = (code: string): Error =>
    Object.assign(new Error(`at VALUES ('${secret}')`), { code, name: 'SqliteError' })

  it.each([
    ['SQLITE_FULL', 'STORE_UNAVAILABLE', /disk is full/],
    ['SQLITE_IOERR_FSYNC', 'STORE_UNAVAILABLE', /I\/O error/],
    ['SQLITE_CANTOPEN', 'STORE_UNAVAILABLE', /open/],
    ['SQLITE_SOMETHING', 'STORE_UNAVAILABLE', /SQLITE_SOMETHING/],
    ['SQLITE_CORRUPT_INDEX', 'STORE_UNUSABLE', /damaged/],
    ['SQLITE_NOTADB', 'STORE_UNUSABLE', /not an SQLite database/],
    ['SQLITE_READONLY_DIRECTORY', 'STORE_UNUSABLE', /write access/],
  ])('%s becomes %s in our own words', (code, expected, message) => {
    const error = translateDriverError('/data/tokens.db', driverError(code))
    expect(error).toMatchObject({ code: expected, reason: code })
    expect(error.message).toMatch(message)
    expect(error.cause).toBeUndefined()
    expect(inspect(error)).not.toContain(secret)
  })
})
