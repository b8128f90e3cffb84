import { GRANTS, OTHERS_WAIT_MS, TIMINGS, WORKERS } from './conditions.js'
import type { Step } from './messages.js'
import type { StoreKind } from './open-store.js'
import { type SeededChance, seededChance } from './seeded-chance.js'

/** When a worker is struck: so long after the round began, or by itself when it comes to a step. */
export type When = { readonly afterMs: number } | { readonly step: Step }

export type Strike =
  | { readonly kind: 'kill'; readonly slot: number; readonly when: When }
  | { readonly kind: 'freeze'; readonly slot: number; readonly when: When; readonly forMs: number }
  /** `crash`: the server gets no chance to put anything in order. On SQLite all workers die at once. */
  | { readonly kind: 'restart'; readonly afterMs: number; readonly crash: boolean; readonly awayMs: number }

/** What happens to the next token request of one grant. */
export type ReplyFault = {
  readonly grant: number
} /** Before the server looked at it, or after it spent the token: the reply is lost. */ & (
  | { readonly kind: 'cut'; readonly when: 'before' | 'after' }
  /** In the middle of the reply's body. */
  | { readonly kind: 'half' }
  /** The connection stands and no reply comes. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'latency'; readonly when: 'before' | 'between' | 'after'; readonly ms: number }
)

/** One round's provocation and faults: a function of seed, store and number alone. */
export interface RoundPlan {
  readonly round: number
  /** Ask for a new token outright, or find out by a 401. */
  readonly forced: boolean
  readonly strikes: readonly Strike[]
  readonly faults: readonly ReplyFault[]
}

type Steps = readonly [Step, ...Step[]]
const WITHOUT_ESCROW: Steps = ['acquired', 'arming', 'armed', 'read', 'stored']
const STEPS: Steps = [...WITHOUT_ESCROW, 'escrowed']
const LATENCIES = ['before', 'between', 'after'] as const

/** A rotation takes some ten milliseconds here; faults fall into it, before it and after it. */
const WITHIN_MS = 60

export function planRound(seed: string, store: StoreKind, round: number, calm = false): RoundPlan {
  const chance = seededChance(`${seed}:${round}`)
  const forced = chance.happens(0.2)
  if (calm || chance.happens(0.06)) return { round, forced: calm ? false : forced, strikes: [], faults: [] }
  const steps = store === 'sqlite' ? WITHOUT_ESCROW : STEPS
  const restarts = chance.happens(0.08) ? [restartStrike(chance)] : []
  const killed = chance.happens(0.8) ? kills(chance, steps) : []
  const slots = killed.map(({ slot }) => slot)
  const frozen = chance.happens(0.45) ? [freeze(chance, steps, slots)] : []
  return {
    round,
    forced,
    strikes: [...restarts, ...killed, ...frozen],
    faults: [...GRANTS.keys()].flatMap((grant) => faultsOf(chance, grant)),
  }
}

/** All slots, those first that are aimed at. */
export function provokedInOrder({ strikes }: RoundPlan): readonly number[] {
  const aimed = strikes.flatMap((strike) =>
    strike.kind !== 'restart' && 'step' in strike.when ? [strike.slot] : [],
  )
  return [...new Set([...aimed, ...Array(WORKERS).keys()])]
}

function when(chance: SeededChance, steps: Steps): When {
  return chance.happens(0.5) ? { afterMs: chance.between(0, WITHIN_MS) } : { step: chance.pick(steps) }
}

function kills(chance: SeededChance, steps: Steps): Extract<Strike, { kind: 'kill' }>[] {
  const first = chance.index(WORKERS)
  const count = chance.pick([1, 1, 2, 2, 3])
  return Array.from({ length: count }, (_, i) => ({
    kind: 'kill',
    slot: (first + i) % WORKERS,
    when: when(chance, steps),
  }))
}

/** Always beyond the lease, often beyond what the others wait; mostly of a process that is not killed besides. */
function freeze(chance: SeededChance, steps: Steps, killed: readonly number[]): Strike {
  const spared = [...Array(WORKERS).keys()].filter((slot) => !killed.includes(slot))
  const slot = spared[chance.index(spared.length)] ?? chance.index(WORKERS)
  const forMs = chance.between(TIMINGS.leaseMs * 1.2, OTHERS_WAIT_MS * 1.4)
  return { kind: 'freeze', slot, when: when(chance, steps), forMs }
}

function restartStrike(chance: SeededChance): Strike {
  const afterMs = chance.between(0, WITHIN_MS)
  return { kind: 'restart', afterMs, crash: chance.happens(0.75), awayMs: chance.between(0, 1_000) }
}

function faultsOf(chance: SeededChance, grant: number): ReplyFault[] {
  const faults: ReplyFault[] = []
  if (chance.happens(0.35)) {
    faults.push({ grant, kind: 'latency', when: chance.pick(LATENCIES), ms: chance.between(5, 120) })
  }
  const drawn = chance.float()
  if (drawn < 0.06) faults.push({ grant, kind: 'cut', when: 'before' })
  else if (drawn < 0.1) faults.push({ grant, kind: 'cut', when: 'after' })
  else if (drawn < 0.12) faults.push({ grant, kind: 'half' })
  else if (drawn < 0.13) faults.push({ grant, kind: 'hang' })
  return faults
}
