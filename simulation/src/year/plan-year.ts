/** What the year has in store. Milliseconds from its beginning. */
export interface YearPlan {
  readonly grants: number
  readonly processes: number
  readonly lifeMs: number
  readonly lengthMs: number
  readonly budget: { readonly limit: number; readonly windowMs: number }
  /** Nobody can reach the provider. */
  readonly providerDown: Span
  /** The store refuses everything. */
  readonly storeDown: Span
  /** The provider takes the new client secret alone from the beginning of this span; the fleet has it at its end. */
  readonly secretChange: Span
  readonly sweepIntervalMs: number
  readonly callEveryMs: number
}

export interface Span {
  readonly name: string
  readonly fromMs: number
  readonly toMs: number
}

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

const dayLong = (name: string, day: number): Span => ({ name, fromMs: day * DAY, toMs: (day + 1) * DAY })

/** Of fewer days only what falls into them happens. */
export function planYear(size: {
  readonly grants: number
  readonly processes: number
  readonly days: number
}): YearPlan {
  const { grants, processes, days } = size
  return {
    grants,
    processes,
    lifeMs: 365 * DAY,
    lengthMs: days * DAY,
    budget: { limit: 300, windowMs: MINUTE },
    providerDown: dayLong('provider down', 60),
    storeDown: dayLong('store down', 150),
    secretChange: { name: 'client secret changed', fromMs: 240 * DAY, toMs: 240 * DAY + 6 * HOUR },
    // The real default is a second; a year of those is three billion reads of an empty index.
    sweepIntervalMs: 10 * MINUTE,
    callEveryMs: 2 * MINUTE,
  }
}

export const isIn = ({ fromMs, toMs }: Span, atMs: number): boolean => atMs >= fromMs && atMs < toMs

/** Callers may fail now, or may have been waiting since: an outage, or a secret that is not there yet. */
export const isInTrouble = (plan: YearPlan, atMs: number): boolean =>
  [plan.providerDown, plan.storeDown, plan.secretChange].some((span) => isIn(span, atMs))
