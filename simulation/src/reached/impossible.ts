import type { Fault } from './faults.js'
import { OUTCOMES, type Outcome } from './outcomes.js'
import type { State } from './states.js'

/** Pairs that cannot be reached, and why: reached all the same, either core or this list is wrong. */
export interface Impossible<Of> {
  readonly of: readonly Of[]
  /** All that can be reached; or, the other way round, what cannot. */
  readonly only?: readonly Outcome[]
  readonly never?: readonly Outcome[]
  /** A coincidence can, once in a hundred thousand worlds: no run is asked for it, and none fails for it. */
  readonly isSeldom?: boolean
  readonly because: string
}

const SENT: readonly Outcome[] = [
  'rotated',
  'dropped',
  'refused',
  'refused, unmarked',
  'unspent',
  'unknown',
  'client rejected',
  'trouble',
]

const STATE_RULES: readonly Impossible<State>[] = [
  {
    of: ['held', 'dead', 'moved on', 'rolled back', 'removed'],
    never: [...SENT, 'fresh', 'held back', 'paused', 'no slot', 'not sent', 'late', 'lease lost', 'closed'],
    because: 'without the lease a try ends at its first question',
  },
  {
    of: ['dead', 'moved on', 'rolled back', 'removed'],
    never: ['busy'],
    because: 'the link is looked at before the lease',
  },
  {
    of: ['untouched', 'lost, unspent', 'lost, spent', 'spent unseen'],
    never: ['busy'],
    isSeldom: true,
    because: 'only between two questions of one try, which stood still, can another get the lease',
  },
  {
    of: ['untouched', 'spent unseen'],
    never: ['held back'],
    isSeldom: true,
    because: 'only between two questions of one try, which stood still, can another have sent',
  },
  { of: ['ended'], never: ['rotated', 'dropped'], because: 'its server gives nothing for this token' },
]

const FAULT_RULES: readonly Impossible<Fault>[] = [
  {
    of: ['provider out of reach', 'connection refused', 'connection hangs'],
    never: ['overtaken', 'store away'],
    isSeldom: true,
    because: 'only where the end of the try was not heard does its next question say what it came to',
  },
  {
    of: ['provider out of reach', 'connection refused', 'connection hangs'],
    only: ['not sent', 'died'],
    because: 'without a connection nothing is armed and no byte leaves',
  },
  {
    of: ['request lost', 'request cut', 'reply lost', 'reply cut'],
    only: ['unknown', 'died'],
    because: 'a try sends once, and of this nothing can be read',
  },
  {
    of: ['request late', 'reply late', 'reply cut in half'],
    only: [...SENT, 'died'],
    because: 'its bytes have left',
  },
  { of: ['429'], only: ['unspent', 'unknown', 'died'], because: 'a 429 says that nothing was spent' },
  {
    of: ['5xx before'],
    only: ['unknown', 'unspent', 'died'],
    because: 'a 5xx says nothing, or, where a provider promises it, that nothing was spent',
  },
  {
    of: ['5xx after'],
    only: ['unknown', 'died'],
    because: 'a 5xx says nothing, and no server spends a token after it has promised not to',
  },
  { of: ['firewall'], only: ['trouble', 'unknown', 'died'], because: 'a firewall knows no tokens' },
  {
    of: ['client rejected'],
    only: ['client rejected', 'trouble', 'unknown', 'died'],
    because: 'the server looks at the client first; of a torn reply the status alone is left',
  },
  {
    of: ['damaged reply'],
    only: ['rotated', 'dropped', 'trouble', 'unknown', 'died'],
    because: 'only replies that bring a pair are damaged; torn besides, the status alone is left',
  },
  {
    of: ['odd token_type'],
    only: ['rotated', 'dropped', 'unknown', 'died'],
    because: 'the pair is kept, whatever type it claims to be',
  },
  { of: ['crash'], only: ['died'], because: 'a dead process does nothing' },
  {
    of: ['closed and replaced'],
    never: ['fresh', 'no slot'],
    because: 'a try that ends without an event, by a manager that closes, is counted as closed',
  },
  { of: ['API refuses everyone'], only: [], because: 'it befalls callers, and is what makes them rotate' },
]

/** The first rule against this pair. */
function ruleAgainst<Of>(
  rules: readonly Impossible<Of>[],
  of: Of,
  outcome: Outcome,
): Impossible<Of> | undefined {
  return rules.find((rule) => {
    const isOut = rule.only ? !rule.only.includes(outcome) : rule.never?.includes(outcome)
    return rule.of.includes(of) && isOut
  })
}

export const whyNotInState = (state: State, outcome: Outcome): Impossible<State> | undefined =>
  ruleAgainst(STATE_RULES, state, outcome)

export const whyNotByFault = (fault: Fault, outcome: Outcome): Impossible<Fault> | undefined =>
  ruleAgainst(FAULT_RULES, fault, outcome)

export const ALL_OUTCOMES = Object.keys(OUTCOMES) as readonly Outcome[]
