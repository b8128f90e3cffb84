import { markStale, notice } from '../grant/grant-entry.js'
import type { StoreWatcher } from '../store/token-store.js'
import type { ManagerContext } from './context.js'

/** Listens to the store's notices from the first call on, where the store has them. */
export interface StoreWatch {
  begin(): void
  end(): Promise<void>
}

export function watchStore(ctx: ManagerContext): StoreWatch {
  let stop: Promise<(() => Promise<void>) | undefined> | undefined

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

  return {
    begin() {
      stop ??= ctx.store.watch?.(watcher).catch(() => {
        // Waiting still works by looking again; only slower.
        ctx.emit({ type: 'store.watch_failed', provider: ctx.facts.id })
        return undefined
      })
    },
    async end() {
      const unwatch = await stop
      await unwatch?.()
    },
  }
}
