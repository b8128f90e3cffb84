import { describe, expect, it } from 'vitest'
import { decideReplay, type ReplaySituation } from '../../src/rotation/replay-rule.js'

const lost = (armedAtMs: number) => ({ id: `a${armedAtMs}`, armedAtMs, state: 'lost' as const })

const situation = (changes: Partial<ReplaySituation>): ReplaySituation => ({
  facts: { reuse: 'revokes-grant', reuseIntervalMs: 0 },
  attempts: [lost(1_000)],
  sends: 1,
  tokenWorks: true,
  requestTimeoutMs: 15_000,
  nowMs: 2_000,
  ...changes,
})

describe('decideReplay', () => {
  it('sends when nothing is unknown', () =>
    expect(decideReplay(situation({ attempts: [], sends: 0 })).kind).toBe('send'))

  it('sends again where reuse is merely refused', () =>
    expect(decideReplay(situation({ facts: { reuse: 'refused', reuseIntervalMs: 0 } })).kind).toBe('send'))

  it('holds while the access token works where reuse kills the grant', () =>
    expect(decideReplay(situation({})).kind).toBe('hold'))

  it('sends once more when the access token has stopped working', () =>
    expect(decideReplay(situation({ tokenWorks: false })).kind).toBe('send'))

  it('sends only as long as the request arrives within the reuse interval of the first send', () => {
    const facts = { reuse: 'revokes-grant', reuseIntervalMs: 30_000 } as const
    const attempts = [lost(1_000), lost(10_000)]
    expect(decideReplay(situation({ facts, attempts, nowMs: 15_999 })).kind).toBe('send')
    expect(decideReplay(situation({ facts, attempts, nowMs: 16_000 })).kind).toBe('hold')
  })

  it('cools down after three sends without an answer, longer each time', () => {
    const facts = { reuse: 'refused', reuseIntervalMs: 0 } as const
    expect(decideReplay(situation({ facts, sends: 3 }))).toEqual({ kind: 'cool-down', forMs: 59_000 })
    expect(decideReplay(situation({ facts, sends: 3, nowMs: 61_000 }))).toEqual({ kind: 'send' })
    expect(decideReplay(situation({ facts, sends: 4, nowMs: 61_000 }))).toEqual({
      kind: 'cool-down',
      forMs: 60_000,
    })
    expect(decideReplay(situation({ facts, sends: 90, nowMs: 3_601_000 })).kind).toBe('send')
  })
})
