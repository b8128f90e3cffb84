import { describe, expect, it } from 'vitest'
import { judgePresentations } from '../src/judge-presentations.js'
import { arm, goodRotation, history, knows, OTHERS_WAIT_MS, reused, type Story, spent } from './story.js'

const kinds = (story: Story): string[] =>
  judgePresentations(history(story), OTHERS_WAIT_MS).map(({ kind }) => kind)

describe('what a presentation was', () => {
  it('the first use of a token is neither replay nor double spend', () => {
    expect(kinds(goodRotation)).toEqual(['first'])
  })

  it('a presentation that nobody armed is a double spend', () => {
    expect(kinds({ presentations: [spent(11)] })).toEqual(['double-spend'])
  })

  it('sent again after the reply was cut: a replay', () => {
    const presentations = [spent(11, { replyCut: true }), reused(1_300)]
    expect(kinds({ arms: [arm(1, 10), arm(2, 1_290)], presentations })).toEqual(['first', 'replay'])
  })

  it('sent again after a cut before anything was spent: a replay, though it goes well', () => {
    const cut = spent(11, { decision: 'other', successor: null, replyCut: true })
    expect(kinds({ arms: [arm(1, 10), arm(1, 600)], presentations: [cut, spent(601)] })).toEqual([
      'first',
      'replay',
    ])
  })

  it('armed after the successor was stored: a double spend, whoever stored it and is dead since', () => {
    const { arms = [], presentations = [], knowledge = [] } = goodRotation
    const again = { arms: [...arms, arm(2, 30)], presentations: [...presentations, reused(31)], knowledge }
    expect(kinds(again)).toEqual(['first', 'double-spend'])
    expect(kinds({ ...again, kills: [{ worker: 1, atMs: 22 }] })).toEqual(['first', 'double-spend'])
  })

  it('armed before the successor was stored, though presented after it: no double spend', () => {
    const arms = [arm(1, 10), arm(2, 19)]
    const story = { arms, presentations: [spent(11), reused(40)], knowledge: [knows(1, 'stored', 20)] }
    expect(kinds(story)).toEqual(['first', 'replay'])
  })

  it('armed while a living worker held the successor: a double spend', () => {
    const arms = [arm(1, 10), arm(2, 1_250)]
    const story = { arms, presentations: [spent(11), reused(1_251)], knowledge: [knows(1, 'read', 17)] }
    expect(kinds(story)).toEqual(['first', 'double-spend'])
  })

  it('what a worker had only read dies with it', () => {
    const arms = [arm(1, 10), arm(2, 1_250)]
    const story = { arms, presentations: [spent(11), reused(1_251)], knowledge: [knows(1, 'read', 17)] }
    expect(kinds({ ...story, kills: [{ worker: 1, atMs: 18 }] })).toEqual(['first', 'replay'])
  })

  it('what lies in escrow outlives its worker', () => {
    const story = {
      arms: [arm(1, 10), arm(2, 1_250)],
      presentations: [spent(11), reused(1_251)],
      knowledge: [knows(1, 'read', 17), knows(1, 'escrowed', 19)],
      kills: [{ worker: 1, atMs: 20 }],
    }
    expect(kinds(story)).toEqual(['first', 'double-spend'])
  })

  it('read by a worker that stood still for longer than the others wait: a replay (C10)', () => {
    const story = {
      arms: [arm(1, 10), arm(2, 1_250)],
      presentations: [spent(11), reused(1_251)],
      knowledge: [knows(1, 'read', 1_245)],
      freezes: [{ worker: 1, fromMs: 12, toMs: 1_244 }],
    }
    expect(kinds(story)).toEqual(['first', 'replay'])
  })

  it('the others did not wait their time for the one that stood still: a double spend', () => {
    const story = {
      arms: [arm(1, 10), arm(2, 900)],
      presentations: [spent(11), reused(901)],
      knowledge: [knows(1, 'read', 890)],
      freezes: [{ worker: 1, fromMs: 12, toMs: 880 }],
    }
    expect(kinds(story)).toEqual(['first', 'double-spend'])
  })

  it('stood still only after it had put the successor into escrow: whoever looks there later must find it', () => {
    const story = (lookedMs: number): Story => ({
      arms: [arm(1, 10), arm(2, 1_250, lookedMs)],
      presentations: [spent(11), reused(1_251)],
      knowledge: [knows(1, 'read', 17), knows(1, 'escrowed', 19)],
      freezes: [{ worker: 1, fromMs: 20, toMs: 2_000 }],
    })
    expect(kinds(story(1_240))).toEqual(['first', 'double-spend'])
    expect(kinds(story(15))).toEqual(['first', 'replay'])
  })

  it('gives each arrival the latest arm before it: the late one of the frozen is told apart', () => {
    const story = history({
      arms: [arm(1, 10), arm(2, 1_250)],
      presentations: [spent(1_251), reused(1_400)],
      knowledge: [],
    })
    const senders = judgePresentations(story, OTHERS_WAIT_MS).map((judged) => judged.arm?.worker)
    expect(senders).toEqual([2, 1])
  })
})
