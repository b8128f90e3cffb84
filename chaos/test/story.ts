import type { Arm, Freeze, History, Kill, Knowledge, Presentation } from '../src/history.js'

/** Histories made by hand: worker 1 sends `T`, which becomes `S`; times are milliseconds from the start. */
export interface Story {
  arms?: Arm[]
  knowledge?: Knowledge[]
  presentations?: Presentation[]
  kills?: Kill[]
  freezes?: Freeze[]
}

export const OTHERS_WAIT_MS = 1_200
export const limits = { othersWaitMs: OTHERS_WAIT_MS, diskGraceMs: 50, unreadGraceMs: 250 }

export function history({
  arms = [],
  knowledge = [],
  presentations = [],
  kills = [],
  freezes = [],
}: Story): History {
  return { arms, knowledge, presentations, kills, freezes }
}

/** Asked one millisecond before the answer; looked at escrow when it asked, unless said otherwise. */
export function arm(worker: number, armedMs: number, lookedMs: number = armedMs - 1): Arm {
  return { worker, token: 'T', lookedMs, askedMs: armedMs - 1, armedMs }
}

export function knows(worker: number, how: Knowledge['how'], atMs: number): Knowledge {
  return { worker, how, successor: 'S', atMs }
}

/** The first use: it brings `S`, the reply is out 5 ms later. */
export function spent(arrivedMs: number, changes: Partial<Presentation> = {}): Presentation {
  const endedMs = arrivedMs + 5
  const base = { family: 'F', token: 'T', arrivedMs, endedMs, replyCut: false } as const
  return { ...base, decision: 'rotated', successor: 'S', ...changes }
}

/** The second use: the family is revoked. */
export function reused(arrivedMs: number): Presentation {
  return spent(arrivedMs, { decision: 'reuse', successor: null })
}

/** Everything as it should be: armed, spent, read, stored. */
export const goodRotation: Story = {
  arms: [arm(1, 10)],
  presentations: [spent(11)],
  knowledge: [knows(1, 'read', 17), knows(1, 'stored', 20)],
}
