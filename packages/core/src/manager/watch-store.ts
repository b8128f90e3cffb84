import { notice } from '../grant/adopt.js'
import { markStale } from '../grant/grant-entry.js'
import type { StoreWatcher } from '../store/token-store.js'
import { elapsedMs, type Mark, markNow } from '../time/clock.js'
import { tryStore } from './ask-store.js'
import type { ManagerContext } from './context.js'

/** How long after a failure the store is asked again for its notices. */
const TRY_AGAIN_MS = 10_000

/** Listens to the store's notices from the first call on, where the store has them. */
export interface StoreWatch {
  begin(): void
  end(): Promise<void>
}

export function watchStore(ctx: ManagerContext): StoreWatch {
  let stop: Promise<(() => Promise<void>) | undefined> | undefined

  let failedAt: Mark | undefined

  const watcher: StoreWatcher = {
    changed(link) {
      if (link.provider !== ctx.facts.id) return
      const entry = ctx.grants.peek(link.grantId)
      if (entry) notice(ctx.questions, entry, link)
    },
    gap() {
      for (const entry of ctx.grants.entries()) {
        markStale(ctx.questions, entry)
        entry.rotation?.wake('lease-free')
      }
    },
  }

  async function subscribe(): Promise<(() => Promise<void>) | undefined> {
    try {
      return await ctx.store.watch?.(watcher)
    } catch {
      // Waiting still works by looking again, only slower; a later call tries anew.
      ctx.emit({ type: 'store.watch_failed', provider: ctx.facts.id })
      failedAt = markNow(ctx.clock)
      return undefined
    }
  }

  return {
    begin() {
      if (failedAt) {
        if (elapsedMs(ctx.clock, failedAt) < TRY_AGAIN_MS) return
        // Not where it fails: a store that throws at once does so before there is anything to take back.
        failedAt = undefined
        stop = undefined
      }
      stop ??= subscribe()
    },
    async end() {
      // A store that has not answered yet, or a driver whose goodbye fails, is no reason for a close not to end, nor to
      // report that instead of a successor. A subscription that comes later is ended when it is there.
      await tryStore(ctx, async () => {
        const unwatch = await stop
        await unwatch?.()
      })
    },
  }
}
