import { EvergrantError } from '../errors.js'
import { tryStore } from '../manager/ask-store.js'
import type { ManagerContext } from '../manager/context.js'
import type { ProviderFacts } from '../provider/provider.js'
import type { Validity } from '../time/clock.js'
import { clampTimer } from '../time/patience.js'

/** One request to the provider's token endpoint. */
export interface Slot {
  readonly kind: 'granted'
  readonly id: string
  readonly valid: Validity
}

export type NoSlot =
  | { readonly kind: 'stopped'; readonly why: 'budget'; readonly forMs: number }
  | { readonly kind: 'stopped'; readonly why: 'store'; readonly error: EvergrantError }

/**
 * This process's part of the budget that the fleet shares. A slot is asked for by whoever can use it at once, under
 * the lease of its grant: what is not used can only be used by this manager again, for the other processes sleep until
 * the next slot comes free.
 */
export interface Budget {
  /**
   * A slot, or why there is none. `wait` is asked when the budget is used up: it waits that long and answers
   * whether to ask again.
   */
  take(priority: 'caller' | 'background', wait?: (forMs: number) => Promise<boolean>): Promise<Slot | NoSlot>
  /** A slot that went out of date before it was used, for one that is in date. */
  exchange(slot: Slot): Promise<Slot | NoSlot>
  /** A slot that was not used: what this manager asks for next is given in exchange for it. */
  giveBack(slot: Slot): void
  /** The provider asked for silence: nobody in the fleet sends before then. */
  silence(forMs: number): Promise<void>
  /** The manager is closed: leaves no timer behind, and sets none. */
  end(): void
}

/** Kept free for callers who wait: a tenth of every window. */
export const RESERVED_SHARE = 0.1

/** Slots and transit make windows longer, so each may be only a small part of them. */
const SLOT_PART = 1 / 100
const TRANSIT_PART = 1 / 200

/** How much closer together two requests may arrive than they were sent. */
const TRANSIT_MS = 300

/** How soon a demand that is over is taken back; so often a window others look whether it is. */
const DEMAND_PART = 1 / 10

/** Stands in where a provider states no limit: the bucket then only carries its demands for silence. */
const UNLIMITED = { limit: 1_000_000, windowMs: 1 }

/** What the fleet may send, and for how long a slot of it is good. */
export interface BudgetTerms {
  readonly limit: number
  readonly windowMs: number
  readonly slotMs: number
}

export function budgetTerms({ budget }: ProviderFacts, longestSlotMs: number): BudgetTerms {
  if (!budget) return { ...UNLIMITED, slotMs: longestSlotMs }
  const { limit, windowMs } = budget
  // The provider counts what arrives: requests that left a window apart may arrive a little closer together.
  const transitMs = Math.min(TRANSIT_MS, windowMs * TRANSIT_PART)
  return { limit, windowMs: windowMs + transitMs, slotMs: Math.min(longestSlotMs, windowMs * SLOT_PART) }
}

type BudgetContext = Pick<
  ManagerContext,
  'facts' | 'store' | 'clock' | 'storeClock' | 'questions' | 'timings' | 'chance' | 'line'
>

export function createBudget(ctx: BudgetContext, terms: BudgetTerms): Budget {
  const { chance, facts, line } = ctx
  const { limit } = terms
  const reserve = Math.min(limit - 1, Math.ceil(limit * RESERVED_SHARE))
  const member = chance.id()
  /** Callers who were told to wait and will ask again. */
  let waiting = 0
  const unused: string[] = []
  /** The question under way. */
  let asking: Promise<unknown> = Promise.resolve()

  /** How many callers the store believes to be waiting here: background work of the whole fleet stands behind them. */
  let demanded = 0
  let demandTimer: unknown
  let isOver = false

  const demand = (): { readonly member: string; readonly waiting: number } => ({
    member,
    waiting: line.length() + waiting,
  })

  /** Who was served otherwise, or left, never asks again: then this takes the demand back, and never a slot. */
  function watchDemand(): void {
    if (isOver || demanded === 0 || demandTimer !== undefined || !facts.budget) return
    demandTimer = ctx.clock.setTimeout(
      () => {
        demandTimer = undefined
        void withdraw().then(watchDemand)
      },
      clampTimer(terms.windowMs * DEMAND_PART),
    )
    // A process that has nothing else to do need not stay for it.
    ;(demandTimer as { unref?: () => void } | undefined)?.unref?.()
  }

  async function withdraw(): Promise<void> {
    if (demand().waiting > 0) return
    const before = demanded
    // At once: a question that comes meanwhile says anew how many wait.
    demanded = 0
    const nobody = { ...terms, reserve: limit, priority: 'background', member, waiting: 0 } as const
    const request = { bucket: facts.budgetKey, slot: `demand of ${member}`, ...nobody }
    const asked = await tryStore(ctx, (store) => store.takeBudget(request))
    if (asked instanceof EvergrantError) demanded = Math.max(demanded, before)
  }

  /** Until when the provider asked for silence (store clock), while the store has not taken it down. */
  let untoldUntilMs: number | undefined

  /** Returns the failure, if the store does not hear it now either. */
  async function tellSilence(): Promise<EvergrantError | undefined> {
    // What is over need not be told: a store that never takes it down must not keep this process silent for ever.
    if (untoldUntilMs === undefined || untoldUntilMs <= ctx.storeClock.earliest()) return undefined
    const untilMs = untoldUntilMs
    const asked = await tryStore(ctx, (store) => store.penalize({ bucket: facts.budgetKey, untilMs }))
    if (asked instanceof EvergrantError) return asked
    if (untoldUntilMs === untilMs) untoldUntilMs = undefined
    return undefined
  }

  async function ask(id: string, priority: 'caller' | 'background'): Promise<Slot | NoSlot> {
    // Before anything else is asked: the store would grant what the provider has forbidden.
    const untold = await tellSilence()
    if (untold) return { kind: 'stopped', why: 'store', error: untold }
    const told = demand()
    const request = { bucket: facts.budgetKey, slot: id, ...terms, reserve, priority, ...told }
    // Also where no answer comes: the store may have heard it.
    demanded = told.waiting + (priority === 'caller' ? 1 : 0)
    const asked = await tryStore(ctx, (store) => store.takeBudget(request))
    if (!(asked instanceof EvergrantError) && asked.answer.status === 'granted') demanded = told.waiting
    watchDemand()
    if (asked instanceof EvergrantError) return { kind: 'stopped', why: 'store', error: asked }
    const { answer, askedAt } = asked
    if (answer.status === 'wait') {
      const forMs = Math.max(1, answer.untilMs - answer.nowMs)
      if (priority === 'caller') line.shutFor(forMs)
      return { kind: 'stopped', why: 'budget', forMs }
    }
    const valid = { untilMs: answer.validUntilMs, nowMs: answer.nowMs, askedAt }
    return { kind: 'granted', id, valid }
  }

  /** What is known already is not asked: the store would say the same. */
  async function askUnlessShut(priority: 'caller' | 'background'): Promise<Slot | NoSlot> {
    const forMs = line.shutMs()
    return forMs > 0 ? { kind: 'stopped', why: 'budget', forMs } : ask(unused.pop() ?? chance.id(), priority)
  }

  /** One question of a manager at a time: if the first is told to wait, the others need not ask. */
  function askInTurn(priority: 'caller' | 'background'): Promise<Slot | NoSlot> {
    if (!facts.budget) return askUnlessShut(priority)
    const answer = asking.then(() => askUnlessShut(priority))
    // One that threw (a source of chance may) is no reason to throw at all who come after.
    asking = answer.catch(() => {})
    return answer
  }

  return {
    async take(priority, wait) {
      for (;;) {
        const slot = await askInTurn(priority)
        if (slot.kind === 'granted' || slot.why !== 'budget' || !wait) return slot
        waiting += 1
        // It may throw, for a caller who leaves: background work would stand behind that one for ever.
        const again = await wait(slot.forMs).finally(() => {
          waiting -= 1
        })
        if (!again) return slot
      }
    },
    exchange: (slot) => ask(slot.id, 'caller'),
    giveBack(slot) {
      unused.push(slot.id)
      ctx.line.reopen()
    },
    async silence(forMs) {
      // By the late estimate a wall clock that was set forward would silence the fleet for as long.
      const untilMs = ctx.storeClock.earliest() + forMs
      untoldUntilMs = Math.max(untoldUntilMs ?? 0, untilMs)
      // With the store away it is told with the next question.
      await tellSilence()
    },
    end() {
      isOver = true
      ctx.clock.clearTimeout(demandTimer)
    },
  }
}
