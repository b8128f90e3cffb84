import { describe, expect, it } from 'vitest'
import { EvergrantError } from '../../src/errors.js'
import { adopt, forgetLink } from '../../src/grant/adopt.js'
import { createGrantEntry, type GrantEntry } from '../../src/grant/grant-entry.js'
import type { GrantRecord, SendAttempt } from '../../src/store/token-store.js'

const key = { provider: 'p', grantId: 'g' }
const lost: SendAttempt = { id: 'another', armedAtMs: 0, state: 'lost' }

function record(attempts: readonly SendAttempt[]): GrantRecord {
  const secret = JSON.stringify({ access_token: 'a', refresh_token: 'r' })
  const pair = { secret, expiresAtMs: 3_600_000, renewAtMs: 0 }
  return {
    ...key,
    ...pair,
    chain: 'c',
    generation: 1,
    state: 'live',
    attempts,
    sends: attempts.length,
    committedAtMs: 0,
  }
}

/** One whose token is held back until it expires, as its last rotation found. */
function heldBack(reason: string): GrantEntry {
  const entry = createGrantEntry(key, false)
  adopt({ asked: 0 }, entry, record([lost]), { nowMs: 1, order: 1 })
  const at = { wallMs: 0, monotonicMs: 0 }
  const error = new EvergrantError('OUTCOME_UNKNOWN', 'held', { reason })
  entry.failure = { error, at, forMs: 3_600_000, giveUp: true }
  entry.quiet = { at, forMs: 3_600_000 }
  return entry
}

describe('another chain, said in the very millisecond in which the known one was confirmed', () => {
  const next = { ...record([]), chain: 'd' }

  // A user authorized again while others looked at the dead grant, and the store was away from then on (simulation, seed 5301).
  it('is newer if it was asked for when the known one was known', () => {
    const entry = createGrantEntry(key, false)
    adopt({ asked: 1 }, entry, record([]), { nowMs: 1, order: 1 })
    adopt({ asked: 3 }, entry, record([]), { nowMs: 5, order: 2 })
    expect(adopt({ asked: 3 }, entry, next, { nowMs: 5, order: 3 })).toBe('adopted')
    expect(entry.stale).toBe(false)
  })

  // (simulation, seeds 49129 and 69198)
  it('is newer if it took the place of the known one', () => {
    const entry = createGrantEntry(key, false)
    adopt({ asked: 2 }, entry, record([]), { nowMs: 5, order: 1 })
    expect(adopt({ asked: 2 }, entry, next, { nowMs: 5, order: 2, replaced: 'c' })).toBe('adopted')
    expect(entry.stale).toBe(false)
  })

  it('may be older if it was asked for before', () => {
    const entry = createGrantEntry(key, false)
    adopt({ asked: 2 }, entry, record([]), { nowMs: 5, order: 2 })
    expect(adopt({ asked: 2 }, entry, next, { nowMs: 5, order: 1 })).toBe('outdated')
    expect(entry.stale).toBe(true)
  })
})

describe('after a removal', () => {
  it('an answer that crossed with it and was given before it is of no use', () => {
    const entry = createGrantEntry(key, false)
    const questions = { asked: 1 }
    adopt(questions, entry, record([]), { nowMs: 1, order: 1 })
    questions.asked = 3
    forgetLink(questions, entry, { nowMs: 5, order: 2 })
    expect(adopt(questions, entry, record([]), { nowMs: 4, order: 3 })).toBe('outdated')
    expect(entry.known).toBeUndefined()
    expect(adopt(questions, entry, record([]), { nowMs: 4, order: 4 })).toBe('adopted')
  })

  // (simulation, seed 54758)
  it('an answer of the same millisecond is taken, and looked after', () => {
    const entry = createGrantEntry(key, false)
    forgetLink({ asked: 3 }, entry, { nowMs: 5, order: 2 })
    expect(adopt({ asked: 3 }, entry, record([]), { nowMs: 5, order: 3 })).toBe('adopted')
    expect(entry.stale).toBe(true)
  })

  // One that was saved while others looked for it in vain (simulation, seed 31084).
  it('an answer that crossed with it and was given later is of use', () => {
    const entry = createGrantEntry(key, false)
    forgetLink({ asked: 3 }, entry, { nowMs: 5, order: 2 })
    expect(adopt({ asked: 3 }, entry, record([]), { nowMs: 6, order: 3 })).toBe('adopted')
  })
})

describe('a token that is held back because it was sent', () => {
  // An idle grant lapsed for it (simulation, seed 1003802).
  it('is held no longer when the store shows that it was not', () => {
    const entry = heldBack('held')
    adopt({ asked: 1 }, entry, record([]), { nowMs: 2, order: 2 })
    expect([entry.failure, entry.quiet]).toEqual([undefined, undefined])
  })

  it('is held as long as the store shows the attempt', () => {
    const entry = heldBack('held')
    adopt({ asked: 1 }, entry, record([lost]), { nowMs: 2, order: 2 })
    expect(entry.failure?.error.reason).toBe('held')
    expect(entry.quiet).toBeDefined()
  })

  // A process that stood still believed for an hour that the token worked, and refused every caller (simulation, seed 8715).
  it('is held no longer when the store says that its access token is over', () => {
    const entry = heldBack('held')
    const expiresAtMs = record([lost]).expiresAtMs ?? Number.NaN
    adopt({ asked: 1 }, entry, record([lost]), { nowMs: expiresAtMs - 1, order: 2 })
    expect(entry.failure).toBeDefined()
    adopt({ asked: 2 }, entry, record([lost]), { nowMs: expiresAtMs, order: 3 })
    expect([entry.failure, entry.quiet]).toEqual([undefined, undefined])
  })

  it('keeps any other pause', () => {
    const entry = heldBack('http_503')
    adopt({ asked: 1 }, entry, record([]), { nowMs: 2, order: 2 })
    expect(entry.failure?.error.reason).toBe('http_503')
  })
})
