import type { SeededChance } from '../time/seeded-chance.js'

/** How probable each fault is: at each message, at each delivery, or for each burst of calls. */
export interface FaultMix {
  readonly level: 'quiet' | 'light' | 'heavy' | 'disaster'
  /** At each message between a process and the store. */
  readonly store: {
    readonly requestLost: number
    readonly answerLost: number
    /** Reported as failed, carried out later. */
    readonly requestLate: number
    /** Carried out now and once more later. */
    readonly duplicate: number
    readonly slow: number
  }
  readonly local: { readonly fails: number; readonly stalls: number }
  readonly notice: { readonly lost: number; readonly late: number; readonly gap: number }
  /** At each token request. */
  readonly network: {
    readonly refused: number
    readonly hangs: number
    readonly requestLost: number
    readonly requestCut: number
    readonly requestLate: number
    readonly replyLost: number
    readonly replyCut: number
    readonly replyHalf: number
    readonly replyLate: number
  }
  readonly server: {
    readonly throttled: number
    readonly failsBefore: number
    readonly failsAfter: number
    readonly malformed: number
    readonly firewall: number
    readonly oddType: number
  }
  /** At each delivery to a process. */
  readonly crash: number
  readonly freeze: number
  /** For each burst of calls. */
  readonly clockJump: number
  readonly storeOutage: number
  readonly partition: number
  readonly rollback: number
  readonly reauthorize: number
  readonly revoke: number
  readonly clientRejected: number
  readonly apiRefusesAll: number
  readonly providerDown: number
}

const none = <K extends string>(...names: readonly K[]): Record<K, number> =>
  Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>

export const quietFaults: FaultMix = {
  level: 'quiet',
  store: none('requestLost', 'answerLost', 'requestLate', 'duplicate', 'slow'),
  local: none('fails', 'stalls'),
  notice: none('lost', 'late', 'gap'),
  network: none(
    'refused',
    'hangs',
    'requestLost',
    'requestCut',
    'requestLate',
    'replyLost',
    'replyCut',
    'replyHalf',
    'replyLate',
  ),
  server: none('throttled', 'failsBefore', 'failsAfter', 'malformed', 'firewall', 'oddType'),
  crash: 0,
  freeze: 0,
  clockJump: 0,
  storeOutage: 0,
  partition: 0,
  rollback: 0,
  reauthorize: 0,
  revoke: 0,
  clientRejected: 0,
  apiRefusesAll: 0,
  providerDown: 0,
}

const LEVELS = [
  { level: 'quiet', scale: 0, upTo: 0.06 },
  { level: 'light', scale: 0.25, upTo: 0.26 },
  { level: 'heavy', scale: 1, upTo: 0.68 },
  { level: 'disaster', scale: 2, upTo: 1 },
] as const

/** Each fault is on or off in a world, so that also those occur that only show when others are off. */
export function drawFaults(
  chance: SeededChance,
  world: { readonly forgets: boolean; readonly hasEscrow: boolean },
): FaultMix {
  const drawn = chance.float()
  const { level, scale } = LEVELS.find(({ upTo }) => drawn < upTo) ?? LEVELS[2]
  if (scale === 0) return quietFaults
  const on = (most: number): number => (chance.happens(0.55) ? most * scale * chance.between(0.3, 1) : 0)
  return {
    level,
    store: {
      requestLost: on(0.06),
      answerLost: on(0.07),
      requestLate: on(0.04),
      duplicate: on(0.06),
      slow: on(0.04),
    },
    local: { fails: world.hasEscrow ? on(0.05) : 0, stalls: world.hasEscrow ? on(0.04) : 0 },
    notice: { lost: on(0.2), late: on(0.2), gap: on(0.05) },
    network: {
      refused: on(0.1),
      hangs: on(0.05),
      requestLost: on(0.06),
      requestCut: on(0.06),
      requestLate: on(0.05),
      replyLost: on(0.06),
      replyCut: on(0.06),
      replyHalf: on(0.06),
      replyLate: on(0.05),
    },
    server: {
      throttled: on(0.06),
      failsBefore: on(0.06),
      failsAfter: on(0.05),
      malformed: on(0.05),
      firewall: on(0.05),
      oddType: on(0.06),
    },
    crash: on(0.02),
    freeze: on(0.025),
    clockJump: on(0.3),
    storeOutage: on(0.18),
    partition: on(0.15),
    rollback: world.forgets ? on(0.25) : 0,
    reauthorize: on(0.25),
    revoke: on(0.06),
    clientRejected: on(0.08),
    apiRefusesAll: on(0.08),
    providerDown: on(0.1),
  }
}

/** Nothing but the provider's own trouble, and much of it. */
export function drawIllness(chance: SeededChance, of: 'first-grant' | 'first-provider'): FaultMix {
  const { network, server, ...drawn } = drawFaults(chance, { forgets: false, hasEscrow: false })
  const whole = of === 'first-provider'
  return {
    ...quietFaults,
    level: drawn.level,
    network: scaled(network, 3),
    // A 429 is meant for everyone.
    server: { ...scaled(server, 3), throttled: whole ? server.throttled : 0 },
    clientRejected: whole ? drawn.clientRejected : 0,
    providerDown: whole ? drawn.providerDown : 0,
  }
}

function scaled<K extends string>(rates: Readonly<Record<K, number>>, by: number): Record<K, number> {
  const entries = Object.entries<number>(rates).map(([name, rate]) => [name, Math.min(0.3, rate * by)])
  return Object.fromEntries(entries) as Record<K, number>
}
