import { SERVER_KINDS, type ServerKind } from '../server/server-kinds.js'
import type { SeededChance } from '../time/seeded-chance.js'
import { seededChance } from '../time/seeded-chance.js'
import { type Aim, aimed } from './aims.js'
import { drawFaults, drawIllness, type FaultMix } from './fault-mix.js'

/** One provider of a world. */
export interface ProviderPlan {
  readonly id: string
  readonly kind: ServerKind
  readonly accessLifeMs: number
  /** How long a refresh token lives unused; `Infinity`: until it is used. */
  readonly refreshLifeMs: number
  readonly declaresRefreshLife: boolean
  readonly budget: { readonly limit: number; readonly windowMs: number } | undefined
  readonly grants: number
}

/** Everything that one seed decides before the first step. */
export interface WorldPlan {
  readonly seed: number
  readonly machines: number
  readonly processesPerMachine: number
  readonly providers: readonly ProviderPlan[]
  readonly hasEscrow: boolean
  /** A store that may forget its last writes: Redis with `appendfsync everysec`, asynchronous replicas. */
  readonly forgets: boolean
  readonly hasNotices: boolean
  readonly keepAlive: boolean
  readonly smallCache: boolean
  /** For how long `close()` tries to store what was read. */
  readonly closeTimeoutMs: number
  readonly storeLatencyMs: number
  readonly networkLatencyMs: number
  /** How long actors go on. */
  readonly durationMs: number
  readonly bursts: number
  /** Whom the faults befall. Whoever is spared then must notice nothing of them (P6). */
  readonly illness: 'anyone' | 'first-grant' | 'first-provider'
  readonly faults: FaultMix
  /** What this world is played for. */
  readonly aim?: Aim | undefined
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY

const LIVES = [40 * SECOND, 3 * MINUTE, 10 * MINUTE, HOUR, DAY, YEAR] as const

export function planWorld(seed: number): WorldPlan {
  const chance = seededChance(seed)
  const illness = chance.pick<WorldPlan['illness']>([...ANYONE, 'first-grant', 'first-provider'])
  const spares = illness !== 'anyone'
  const lifeMs = chance.pick(LIVES)
  const providers = [planProvider(chance, 0, lifeMs, spares)]
  if (illness === 'first-provider' || chance.happens(0.2)) {
    providers.push(planProvider(chance, 1, lifeMs * chance.pick([1, 1, 3]), spares))
  }
  const forgets = chance.happens(0.2)
  const hasEscrow = chance.happens(0.55)
  const bursts = 16 + chance.index(36)
  return aimed({
    seed,
    machines: 1 + chance.index(3),
    processesPerMachine: 1 + chance.index(3),
    providers,
    hasEscrow,
    forgets,
    hasNotices: chance.happens(0.75),
    keepAlive: chance.happens(0.5),
    smallCache: chance.happens(0.08),
    storeLatencyMs: chance.spread(0.2, 60),
    networkLatencyMs: chance.spread(5, 800),
    // Long enough that short tokens expire several times, short enough that something happens all the time.
    durationMs: Math.min(lifeMs * chance.between(2, 6), bursts * chance.spread(20 * SECOND, 5 * MINUTE)),
    bursts,
    illness,
    faults: illness === 'anyone' ? drawFaults(chance, { forgets, hasEscrow }) : drawIllness(chance, illness),
    closeTimeoutMs: chance.pick([20_000, 5_000]),
  })
}

const ANYONE = Array<WorldPlan['illness']>(18).fill('anyone') as ['anyone', ...'anyone'[]]

function planProvider(
  chance: SeededChance,
  index: number,
  accessLifeMs: number,
  hasRoom: boolean,
): ProviderPlan {
  const kind = chance.pick(SERVER_KINDS)
  const grants = chance.happens(0.15) ? 6 + chance.index(8) : 1 + chance.index(4)
  const tight = { limit: 3 + chance.index(5), windowMs: chance.pick([10 * SECOND, 20 * SECOND]) }
  const wide = { limit: 300, windowMs: MINUTE }
  return {
    id: index === 0 ? 'north' : 'south',
    kind,
    accessLifeMs,
    refreshLifeMs: chance.pick([accessLifeMs, accessLifeMs * 4, Number.POSITIVE_INFINITY]),
    declaresRefreshLife: chance.happens(0.5),
    budget: hasRoom ? undefined : chance.pick([undefined, wide, tight]),
    grants: hasRoom ? Math.max(2, grants) : grants,
  }
}
