import { EvergrantError } from '../errors.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import { createAlarm } from '../time/alarm.js'
import { elapsedMs, type Mark, type Validity } from '../time/clock.js'

/** One request to the provider's token endpoint. */
export interface Slot {
  readonly kind: 'granted'
  readonly id: string
  readonly valid: Validity
}

export type NoSlot =
  | { readonly kind: 'stopped'; readonly why: 'budget'; readonly forMs: number }
  | { readonly kind: 'stopped'; readonly why: 'store'; readonly error: EvergrantError }

/** A place in this process's queue. */
export interface Ticket {
  /** `undefined`: left the queue, or was told that it takes too long. */
  readonly slot: Promise<Slot | NoSlot | undefined>
  leave(): void
  /** How long it will take at least. */
  expectedMs(): number
}

/**
 * This process's part of the budget that the fleet shares. Whoever finds it used up queues here, and one question
 * at a time goes to the store for whoever is first: a thousand grants that expired together cost one question a
 * slot. Who cannot be served in time is told at once.
 */
export interface Budget {
  /** Others of this process are waiting already: queue before doing anything else. */
  isContended(): boolean
  takeNow(priority: 'caller' | 'background'): Promise<Slot | NoSlot>
  /** `told` hears how long it will take, whenever that is known anew, and answers whether to stay. */
  queue(told: (forMs: number) => boolean): Ticket
  /** A slot that was not used: for whoever is next. */
  giveBack(slot: Slot): void
  /** A slot that went out of date before it was used, for one that is in date. */
  exchange(slot: Slot): Promise<Slot | NoSlot>
  /** The provider asked for silence: nobody in the fleet sends before then. */
  silence(forMs: number): Promise<void>
}

interface Queued {
  readonly told: (forMs: number) => boolean
  readonly settle: (slot: Slot | NoSlot | undefined) => void
}

/** Kept free for callers who wait: a tenth of every window. */
export const RESERVED_SHARE = 0.1

/** Slots and transit make windows longer, so each may be only a small part of them. */
const SLOT_PART = 1 / 100
const TRANSIT_PART = 1 / 200

/** How much closer together two requests may arrive than they were sent. */
const TRANSIT_MS = 300

/** Stands in where a provider states no limit: the bucket then only carries its demands for silence. */
const UNLIMITED = { limit: 1_000_000, windowMs: 1 }

type BudgetContext = Pick<
  ManagerContext,
  'facts' | 'store' | 'clock' | 'storeClock' | 'questions' | 'chance' | 'timings'
>

export function createBudget(ctx: BudgetContext): Budget {
  const { clock, chance, facts } = ctx
  const { limit, windowMs: statedMs } = facts.budget ?? UNLIMITED
  const slotMs = Math.min(ctx.timings.slotMs, facts.budget ? statedMs * SLOT_PART : Number.POSITIVE_INFINITY)
  // The provider counts what arrives: requests that left a window apart may arrive a little closer together.
  const windowMs = statedMs + (facts.budget ? Math.min(TRANSIT_MS, statedMs * TRANSIT_PART) : 0)
  const reserve = Math.min(limit - 1, Math.ceil(limit * RESERVED_SHARE))
  const member = chance.id()
  const queued: Queued[] = []
  const alarm = createAlarm(clock)
  let serving = false
  /** When the next slot comes free, at the last look. */
  let outlook: { readonly at: Mark; readonly forMs: number } | undefined

  async function ask(id: string, priority: 'caller' | 'background', waiting: number): Promise<Slot | NoSlot> {
    const bucket = facts.budgetKey
    const request = { bucket, slot: id, limit, windowMs, slotMs, reserve, priority, member, waiting }
    const asked = await tryStore(ctx, (store) => store.takeBudget(request))
    if (asked instanceof EvergrantError) return { kind: 'stopped', why: 'store', error: asked }
    const { answer, askedAt } = asked
    if (answer.status === 'wait') {
      const forMs = Math.max(1, answer.untilMs - answer.nowMs)
      outlook = { at: askedAt, forMs }
      return { kind: 'stopped', why: 'budget', forMs }
    }
    const valid = { untilMs: answer.validUntilMs, nowMs: answer.nowMs, askedAt }
    return { kind: 'granted', id, valid }
  }

  /**
   * The least it can take, a window's worth of this queue at a time. Others in the fleet may wait for the same
   * grants or for different ones: nobody is turned away for what may not be so.
   */
  function expectedMs(place: number): number {
    if (!outlook) return 0
    const nextMs = Math.max(0, outlook.forMs - elapsedMs(clock, outlook.at))
    return nextMs + Math.floor(place / limit) * (windowMs + slotMs)
  }

  async function serve(): Promise<void> {
    while (queued.length > 0) {
      const slot = await ask(chance.id(), 'caller', queued.length - 1)
      if (slot.kind === 'granted') {
        queued.shift()?.settle(slot)
      } else if (slot.why === 'store') {
        for (const each of queued.splice(0)) each.settle(slot)
      } else {
        tellAll()
        if (queued.length > 0) await alarm.wait(slot.forMs)
      }
    }
  }

  function tellAll(): void {
    for (const [place, each] of [...queued].entries()) {
      if (!each.told(expectedMs(place))) leave(each)
    }
  }

  function leave(each: Queued): void {
    const place = queued.indexOf(each)
    if (place < 0) return
    queued.splice(place, 1)
    each.settle(undefined)
  }

  function startServing(): void {
    if (serving) return
    serving = true
    void serve().finally(() => {
      serving = false
      if (queued.length > 0) startServing()
    })
  }

  return {
    isContended: () => queued.length > 0,
    takeNow: (priority) => ask(chance.id(), priority, queued.length),
    queue(told) {
      let settle: Queued['settle'] = () => {}
      const slot = new Promise<Slot | NoSlot | undefined>((resolve) => {
        settle = resolve
      })
      const each: Queued = { told, settle }
      queued.push(each)
      if (outlook && !told(expectedMs(queued.length - 1))) leave(each)
      else startServing()
      return { slot, leave: () => leave(each), expectedMs: () => expectedMs(queued.indexOf(each)) }
    },
    giveBack(slot) {
      queued.shift()?.settle(slot)
    },
    exchange: (slot) => ask(slot.id, 'caller', queued.length),
    async silence(forMs) {
      const untilMs = ctx.storeClock.now() + forMs
      // With the store away the caller's own backoff stands alone.
      await tryStore(ctx, (store) => store.penalize({ bucket: facts.budgetKey, untilMs }))
    },
  }
}
