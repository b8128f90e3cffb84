import { describe, expect, it } from 'vitest'
import { judgeLoss, loss } from '../src/judge-loss.js'
import { arm, goodRotation, history, knows, limits, reused, type Story, spent } from './story.js'

/** `T` was spent by worker 1 and presented again by worker 2 after everyone had waited. */
const lost: Story = { arms: [arm(1, 10), arm(2, 1_250)], presentations: [spent(11), reused(1_251)] }

const causeOf = (story: Story): string => {
  const judged = judgeLoss(history(story), 'F', limits)
  return judged ? `${judged.cause}${judged.avoidable ? ' (avoidable)' : ''}` : 'none'
}

describe('whose fault a loss was', () => {
  it('a family that was not revoked is not lost', () => {
    expect(causeOf(goodRotation)).toBe('none')
  })

  it('the injector cut this very reply', () => {
    const cut = { ...lost, presentations: [spent(11, { replyCut: true }), reused(1_251)] }
    expect(causeOf(cut)).toBe('reply-cut')
  })

  it('killed before the reply came', () => {
    expect(causeOf({ ...lost, kills: [{ worker: 1, atMs: 12 }] })).toBe('killed-in-flight')
  })

  it('killed within 50 ms of the reply, nothing in escrow', () => {
    const read = { ...lost, knowledge: [knows(1, 'read', 18)] }
    expect(causeOf({ ...read, kills: [{ worker: 1, atMs: 68 }] })).toBe('killed-in-flight')
    expect(causeOf({ ...read, kills: [{ worker: 1, atMs: 69 }] })).toBe('late-to-disk (avoidable)')
  })

  it('killed long after the reply had come, and had not read it', () => {
    expect(causeOf({ ...lost, kills: [{ worker: 1, atMs: 16 + 250 }] })).toBe('killed-in-flight')
    expect(causeOf({ ...lost, kills: [{ worker: 1, atMs: 16 + 251 }] })).toBe('left-unread (avoidable)')
  })

  it('another worker was killed: that excuses nothing', () => {
    expect(causeOf({ ...lost, kills: [{ worker: 3, atMs: 12 }] })).toBe('left-unread (avoidable)')
  })

  it('killed within 50 ms of the reply, but the escrow had answered', () => {
    const knowledge = [knows(1, 'read', 18), knows(1, 'escrowed', 21)]
    expect(causeOf({ ...lost, knowledge, kills: [{ worker: 1, atMs: 22 }] })).toBe(
      'spent-though-kept (avoidable)',
    )
  })

  it('stood still between its send and its commit for longer than the others wait', () => {
    const knowledge = [knows(1, 'read', 1_600)]
    expect(causeOf({ ...lost, knowledge, freezes: [{ worker: 1, fromMs: 12, toMs: 1_599 }] })).toBe('frozen')
  })

  it('stood still, and the others did not wait their time', () => {
    const hasty = { arms: [arm(1, 10), arm(2, 800)], presentations: [spent(11), reused(801)] }
    expect(causeOf({ ...hasty, freezes: [{ worker: 1, fromMs: 12, toMs: 780 }] })).toBe(
      'left-unread (avoidable)',
    )
  })

  it('stood still when the reply came, and was killed without having run again', () => {
    const freezes = [{ worker: 1, fromMs: 12, toMs: 500 }]
    expect(
      causeOf({ ...lost, arms: [arm(1, 10), arm(2, 600)], freezes, kills: [{ worker: 1, atMs: 500 }] }),
    ).toBe('killed-in-flight')
  })

  it('a request was overtaken by its own replay, which its sender did not live to see', () => {
    const story = {
      arms: [arm(1, 10), arm(2, 60)],
      presentations: [spent(11, { decision: 'reuse', successor: null, endedMs: 120 }), spent(61)],
      knowledge: [knows(2, 'stored', 70)],
      kills: [{ worker: 1, atMs: 30 }],
    }
    expect(causeOf(story)).toBe('killed-in-flight')
    expect(causeOf({ ...story, kills: [] })).toBe('overtaken (avoidable)')
  })

  it('dead without a revocation, or stuck, is always avoidable', () => {
    expect(loss('F', 'dead-without-reason').avoidable).toBe(true)
    expect(loss('F', 'stuck').avoidable).toBe(true)
  })
})
