import { type GrantEntry, isSameLink, prepare } from '../grant/grant-entry.js'
import type { ManagerContext } from '../manager/context.js'
import type { GrantLink } from '../store/token-store.js'
import { createAlarm } from '../time/alarm.js'
import { elapsedMs, markNow } from '../time/clock.js'
import type { Patience } from '../time/patience.js'
import type { Place } from './line.js'
import { rotateOnce } from './rotate-once.js'
import { budgetUsedUp, type FailedStep, unexpected } from './rotation-step.js'
import { createWaiters } from './waiters.js'

/** The one rotation of a grant in this process. No caller's abort stops it; every caller may leave it. */
export interface Rotation {
  readonly entry: GrantEntry
  /** Resolves when it is over, however it ended. Never rejects. */
  readonly done: Promise<void>
  /** Rotate even if the token turns out to be fresh. */
  forced: boolean
  /** The refresh token of this link was sent, its outcome is not known yet. */
  hasSent(link: Pick<GrantLink, 'chain' | 'generation'>): boolean
  /** Resolves when the grant has moved on; rejects with why it did not. */
  join(patience: Patience): Promise<void>
  /** Called by the rotation's own steps. */
  readonly progress: RotationProgress
  /** `lease-free`: it may be our turn. `news`: the store holds another link, or the manager is closing. */
  wake(reason: 'lease-free' | 'news'): void
}

export interface RotationProgress {
  isAwaited(): boolean
  /** From here on the access token of this link may be dead; `undefined`: the outcome is known. */
  tokenSent(link: GrantLink | undefined): void
  /** Lets callers go on although the rotation still has something to finish. */
  serveWaiters(): void
  /** The budget is used up: tells who cannot wait that long, and waits. */
  waitForSlot(forMs: number): Promise<void>
  /** Waits until a notice arrives, at most this long. */
  pause(forMs: number): Promise<void>
}

/** Background work that finds callers waiting comes back after this long. */
const CROWDED_MS = 1_000

export function startRotation(ctx: ManagerContext, entry: GrantEntry, forced: boolean): Rotation {
  const waiters = createWaiters()
  /** Rings for a newer link: whatever we wait for, look again. */
  const news = createAlarm(ctx.clock)
  /** Rings also when the lease became free, which is no reason to cut a backoff short. */
  const turn = createAlarm(ctx.clock)
  let sent: GrantLink | undefined
  let place: Place | undefined
  /** Waiting for the budget under the lease. */
  let waitsForSlot = false

  const progress: RotationProgress = {
    isAwaited: () => waiters.size > 0,
    tokenSent(link) {
      sent = link
      prepare(entry)
    },
    serveWaiters: waiters.serve,
    async waitForSlot(forMs) {
      if (!toldOf(forMs)) return
      waitsForSlot = true
      await news.wait(forMs)
      waitsForSlot = false
    },
    pause: (forMs) => news.wait(forMs),
  }
  const rotation: Rotation = {
    entry,
    done: Promise.resolve().then(run),
    forced,
    hasSent: (link) => sent !== undefined && isSameLink(sent, link),
    async join(patience) {
      const expectedMs = place?.expectedMs() ?? (waitsForSlot ? ctx.line.shutMs() : 0)
      if (expectedMs > patience.leftMs()) throw budgetUsedUp(entry, expectedMs).error
      await waiters.join(patience)
    },
    progress,
    wake(reason) {
      if (reason === 'news') {
        news.ring()
        place?.leave()
      }
      turn.ring()
    },
  }
  entry.rotation = rotation
  ctx.lifecycle.rotations.add(rotation)
  prepare(entry)
  return rotation

  async function run(): Promise<void> {
    try {
      await drive()
    } catch (error) {
      // A defect, of ours or of something that was passed in: callers hear of it, the process lives on.
      note({ ...unexpected(entry, error), giveUp: true })
    } finally {
      entry.rotation = undefined
      ctx.lifecycle.rotations.delete(rotation)
      prepare(entry)
      waiters.serve()
    }
  }

  async function drive(): Promise<void> {
    const { failure } = entry
    const leftMs = failure ? failure.forMs - elapsedMs(ctx.clock, failure.at) : 0
    if (leftMs > 0) {
      // Nobody waits for it: keep-alive comes back, and must not stand still for one grant in trouble.
      if (waiters.size === 0) return
      await news.wait(leftMs)
    }
    for (let again = false; ; again = true) {
      // Background work is no reason to stand in line: it comes back.
      if (waiters.size === 0 && (ctx.line.length() > 0 || ctx.line.shutMs() > 0)) return beQuiet(CROWDED_MS)
      // With news of another link, or when closing, there may be nothing to send: look before queueing.
      const mayPass = entry.stale || ctx.lifecycle.closing
      const leave = mayPass ? undefined : await standInLine(again)
      if (!leave && !mayPass && waiters.size === 0) return
      const step = await rotateOnce(ctx, entry, rotation, leave ?? (() => {})).finally(leave)
      if (step.kind === 'moved') return
      if (step.kind === 'failed') {
        note(step)
        // The outcome is known: who waited only for that may have the old token, and looks again.
        if (sent) {
          progress.tokenSent(undefined)
          waiters.serve()
        }
      } else if (waiters.size === 0) beQuiet(step.forMs)
      if (waiters.size === 0) return
      if (step.kind === 'failed') await news.wait(step.afterMs)
      else if (step.kind === 'busy') await turn.wait(step.forMs)
    }
  }

  /** Without the lease: others may rotate meanwhile, and a notice of that ends the wait. */
  async function standInLine(first: boolean): Promise<(() => void) | undefined> {
    place = ctx.line.enter({ told: toldOf, first })
    const leave = await place.entered
    place = undefined
    return leave
  }

  /** Whether anybody still waits, being told how long it takes at least. */
  function toldOf(forMs: number): boolean {
    waiters.tell(budgetUsedUp(entry, forMs))
    return waiters.size > 0
  }

  function beQuiet(forMs: number): void {
    entry.quiet = { at: markNow(ctx.clock), forMs }
  }

  /** Remembers the failure, for callers still to come. */
  function note(step: FailedStep): void {
    const { error, afterMs } = step
    entry.failures += 1
    entry.failure = { error, at: markNow(ctx.clock), forMs: afterMs, giveUp: step.giveUp }
    beQuiet(afterMs)
    const { record } = entry.known ?? {}
    if (record) {
      const { provider, grantId, chain, generation } = record
      const { code, reason } = error
      const failed = { code, reason, retryAfterMs: Math.round(afterMs) }
      ctx.emit({ type: 'grant.rotation_failed', provider, grantId, chain, generation, ...failed })
    }
    waiters.tell(step)
  }
}
