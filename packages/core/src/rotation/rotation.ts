import { isEvergrantError } from '../errors.js'
import { type GrantEntry, prepare } from '../grant/grant-entry.js'
import type { ManagerContext } from '../manager/context.js'
import { createAlarm } from '../time/alarm.js'
import { elapsedMs, markNow } from '../time/clock.js'
import type { Patience } from '../time/patience.js'
import type { Slot, Ticket } from './budget.js'
import { rotateOnce } from './rotate-once.js'
import { budgetUsedUp, type RotationStep, storeAway } from './rotation-step.js'

/** The one rotation of a grant in this process. No caller's abort stops it; every caller may leave it. */
export interface Rotation {
  /** Resolves when it is over, however it ended. */
  readonly done: Promise<void>
  /** Rotate even if the token turns out to be fresh. */
  forced: boolean
  /** The token was sent and the provider kills the access token before it. */
  readonly killsOldToken: boolean
  /** Resolves when the grant has moved on; rejects with why it did not. */
  join(patience: Patience): Promise<void>
  /** Called by the rotation itself. */
  readonly progress: RotationProgress
  /** `lease-free`: it may be our turn. `news`: the store holds another link, or the manager is closing. */
  wake(reason: 'lease-free' | 'news'): void
}

export interface RotationProgress {
  isAwaited(): boolean
  tokenSent(): void
  /** Lets callers go on although the rotation still has something to finish. */
  serveWaiters(): void
  /** The slot that was waited for; whoever takes it uses it up. */
  takeSlot(): Slot | undefined
  /** Waits until a notice arrives, at most this long. */
  pause(forMs: number): Promise<void>
}

type Failed = Extract<RotationStep, { kind: 'failed' }>

interface Waiter {
  readonly leftMs: () => number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export function startRotation(ctx: ManagerContext, entry: GrantEntry, forced: boolean): Rotation {
  const waiters = new Set<Waiter>()
  /** Rings for a newer link: whatever we wait for, look again. */
  const news = createAlarm(ctx.clock)
  /** Rings also when the lease became free, which is no reason to cut a backoff short. */
  const turn = createAlarm(ctx.clock)
  let sent = false
  let slot: Slot | undefined
  let ticket: Ticket | undefined

  const serveWaiters = (): void => {
    for (const waiter of waiters) waiter.resolve()
    waiters.clear()
  }
  const progress: RotationProgress = {
    isAwaited: () => waiters.size > 0,
    tokenSent() {
      sent = true
      prepare(entry)
    },
    serveWaiters,
    takeSlot() {
      const taken = slot
      slot = undefined
      return taken
    },
    pause: (forMs) => news.wait(forMs),
  }
  const rotation: Rotation = {
    done: Promise.resolve().then(run),
    forced,
    get killsOldToken() {
      return sent && ctx.facts.oldAccessToken === 'dies' && !entry.uncommitted
    },
    async join(patience) {
      const expectedMs = ticket?.expectedMs() ?? 0
      if (expectedMs > patience.leftMs()) throw budgetUsedUp(entry, expectedMs).error
      let waiter: Waiter | undefined
      const served = new Promise<void>((resolve, reject) => {
        waiter = { leftMs: patience.leftMs, resolve, reject }
        waiters.add(waiter)
      })
      try {
        await patience.wait(served)
      } finally {
        if (waiter) waiters.delete(waiter)
      }
    },
    progress,
    wake(reason) {
      if (reason === 'news') {
        news.ring()
        ticket?.leave()
      }
      turn.ring()
    },
  }
  entry.rotation = rotation
  prepare(entry)
  return rotation

  async function run(): Promise<void> {
    try {
      await drive()
    } catch (error) {
      // A defect of ours: callers must see it rather than wait for their deadline.
      const told = waiters.size > 0
      for (const waiter of waiters) waiter.reject(error)
      waiters.clear()
      if (!told) throw error
    } finally {
      entry.rotation = undefined
      prepare(entry)
      serveWaiters()
    }
  }

  async function drive(): Promise<void> {
    const { failure } = entry
    if (failure) await news.wait(failure.forMs - elapsedMs(ctx.clock, failure.at))
    for (;;) {
      sent = false
      // With news of another link there may be nothing to send: look before queueing.
      if (!slot && !entry.stale && waiters.size > 0 && ctx.budget.isContended()) {
        await waitForSlot()
        if (waiters.size === 0) return
      }
      const step = await rotateOnce(ctx, entry, rotation).catch(asFailedStep)
      // Adopted, or somebody else's turn: the slot is for whoever is next.
      if (slot) ctx.budget.giveBack(slot)
      slot = undefined
      if (step.kind === 'moved') return
      if (step.kind === 'crowded') {
        // Background work comes back later; it is no reason to turn a caller away.
        if (waiters.size === 0) entry.quiet = { at: markNow(ctx.clock), forMs: step.forMs }
        else await waitForSlot()
        if (waiters.size === 0) return
        continue
      }
      if (step.kind === 'failed') note(step)
      else if (waiters.size === 0) entry.quiet = { at: markNow(ctx.clock), forMs: step.forMs }
      if (waiters.size === 0) return
      await (step.kind === 'failed' ? news.wait(step.afterMs) : turn.wait(step.forMs))
    }
  }

  /** Without the lease: others may rotate meanwhile, and a notice of that ends the wait. */
  async function waitForSlot(): Promise<void> {
    ticket = ctx.budget.queue((forMs) => {
      tell(budgetUsedUp(entry, forMs))
      return waiters.size > 0
    })
    const got = await ticket.slot
    ticket = undefined
    if (got?.kind === 'granted') slot = got
    if (got?.kind !== 'stopped' || got.why !== 'store') return
    const away = storeAway(ctx, entry, got.error)
    note(away)
    await news.wait(away.afterMs)
  }

  /** Remembers the failure, and tells at once everyone who could not wait for the next try anyway. */
  function note(step: Failed): void {
    const { error, afterMs } = step
    const at = markNow(ctx.clock)
    entry.failures += 1
    entry.failure = { error, at, forMs: afterMs }
    entry.quiet = { at, forMs: afterMs }
    const { record } = entry.known ?? {}
    if (record) {
      const { provider, grantId, chain, generation } = record
      const { code, reason } = error
      const failed = { code, reason, retryAfterMs: Math.round(afterMs) }
      ctx.emit({ type: 'grant.rotation_failed', provider, grantId, chain, generation, ...failed })
    }
    tell(step)
  }

  function tell({ error, afterMs, giveUp }: Failed): void {
    for (const waiter of waiters) {
      if (!giveUp && waiter.leftMs() > afterMs) continue
      waiters.delete(waiter)
      waiter.reject(error)
    }
  }
}

/** What a step could not go on with, such as a stored secret that cannot be read. */
function asFailedStep(error: unknown): RotationStep {
  if (!isEvergrantError(error)) throw error
  return { kind: 'failed', error, afterMs: UNEXPECTED_RETRY_MS, giveUp: true }
}

const UNEXPECTED_RETRY_MS = 1_000
