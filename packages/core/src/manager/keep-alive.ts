import { EvergrantError } from '../errors.js'
import { linkOf } from '../grant/grant-entry.js'
import { startRotation } from '../rotation/rotation.js'
import type { GrantKey } from '../store/token-store.js'
import { createAlarm } from '../time/alarm.js'
import { clampTimer } from '../time/patience.js'
import { tryStore } from './ask-store.js'
import type { ManagerContext } from './context.js'
import { type ClientCredentialsGrants, loadGrant } from './load-grant.js'

/** What `start()` takes. */
export interface KeepAliveOptions {
  /**
   * How often the store is asked for grants that are due, milliseconds: one index read. Must be a small part of
   * the shortest life of a token. @defaultValue 1 000
   */
  readonly sweepIntervalMs?: number | undefined
}

export interface KeepAlive {
  start(sweepIntervalMs: number): void
  stop(): Promise<void>
}

/** Grants taken in hand at once, and how long nobody else takes them: a rotation is done by then, or failed. */
const CLAIM = { limit: 32, holdMs: 5_000 }

/**
 * Renews grants that nobody asks for, before their tokens lapse (P9). Every process sweeps; the store hands each
 * due grant to one of them, so there is no leader to lose. Nothing is kept per grant: a sweep is one index read.
 */
export function createKeepAlive(ctx: ManagerContext, clientCredentials: ClientCredentialsGrants): KeepAlive {
  let timer: unknown
  let sweeping: Promise<void> | undefined
  let running = false

  async function sweep(): Promise<void> {
    const beforeMs = ctx.storeClock.now()
    const request = { provider: ctx.facts.id, beforeMs, ...CLAIM }
    const asked = await tryStore(ctx, (store) => store.claimDue(request))
    // With the store away there is nothing to renew with; the next sweep asks again.
    if (asked instanceof EvergrantError) return
    const claim = createAlarm(ctx.clock)
    const renewed = Promise.all(asked.answer.keys.map(renew)).finally(claim.ring)
    // A rotation for which callers wait, or whose successor finds no store, may go on for as long as they like; the
    // grants that become due meanwhile are renewed all the same.
    await Promise.race([renewed, claim.wait(CLAIM.holdMs)])
  }

  async function renew(key: GrantKey): Promise<void> {
    if (!running || ctx.lifecycle.closing) return
    const entry = ctx.grants.ensure(key)
    try {
      await loadGrant(ctx, entry, clientCredentials)
    } catch (error) {
      if (error instanceof EvergrantError) return
      throw error
    }
    const { known } = entry
    if (!running || !known || known.record.state === 'dead') return
    reportLateness(known.record)
    // One that is under way is somebody else's, or an earlier sweep's that did not wait for it any longer.
    if (!entry.rotation) await startRotation(ctx, entry, false).done
  }

  /** Half of the time between due and expiry is gone: at this pace grants will lapse, so say it while it helps. */
  function reportLateness(
    record: Parameters<typeof linkOf>[0] & { expiresAtMs: number | null; renewAtMs: number | null },
  ): void {
    const { expiresAtMs, renewAtMs } = record
    if (expiresAtMs === null || renewAtMs === null) return
    const nowMs = ctx.storeClock.now()
    const overdueMs = nowMs - renewAtMs
    if (overdueMs < (expiresAtMs - renewAtMs) / 2) return
    const lapsesInMs = Math.round(expiresAtMs - nowMs)
    ctx.emit({ type: 'grant.renewal_late', ...linkOf(record), overdueMs: Math.round(overdueMs), lapsesInMs })
  }

  function schedule(intervalMs: number): void {
    const delayMs = clampTimer(intervalMs * (0.75 + 0.5 * ctx.chance.float()))
    timer = ctx.clock.setTimeout(() => {
      sweeping = sweep()
        // Something that was passed in threw what no step of ours does: nobody is there to hear it, and the process
        // must not end by it. The next sweep finds the same grants.
        .catch(() => {})
        .finally(() => {
          if (running) schedule(intervalMs)
        })
    }, delayMs)
    // Keeping grants alive is no reason to keep a process alive.
    ;(timer as { unref?: () => void } | undefined)?.unref?.()
  }

  return {
    start(intervalMs) {
      if (running) return
      running = true
      schedule(intervalMs)
    },
    async stop() {
      running = false
      ctx.clock.clearTimeout(timer)
      await sweeping
    },
  }
}
