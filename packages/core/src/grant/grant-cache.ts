import type { GrantKey } from '../store/token-store.js'
import { createGrantEntry, type GrantEntry } from './grant-entry.js'

/** The grants that this process has in memory: a bounded number, the ones used last. */
export interface GrantCache {
  /** The entry in use; a lookup that keeps it in the cache. */
  get(grantId: string): GrantEntry | undefined
  /** The same without counting as a use. */
  peek(grantId: string): GrantEntry | undefined
  ensure(key: GrantKey): GrantEntry
  /** Not while it rotates: a second entry beside it would rotate beside it. */
  forget(entry: GrantEntry): void
  entries(): Iterable<GrantEntry>
  /** Lets go of all tokens. */
  clear(): void
}

export function createGrantCache(maxEntries: number, killsOldToken: boolean): GrantCache {
  const entries = new Map<string, GrantEntry>()
  /** Of all entries that were forgotten the latest: an entry made anew must not take what is older. */
  const forgotten = { knownAtMs: 0, knownAfter: 0 }

  /** Second chance: who was used since the last round goes to the end; hot lookups write one boolean. */
  function makeRoom(): void {
    let looked = 0
    for (const [grantId, entry] of entries) {
      if (entries.size < maxEntries || looked++ > 2 * maxEntries) return
      const busy = entry.rotation !== undefined || entry.loading !== undefined || entry.uncommitted
      entries.delete(grantId)
      if (busy || entry.used) {
        entry.used = false
        entries.set(grantId, entry)
      }
    }
  }

  return {
    get(grantId) {
      const entry = entries.get(grantId)
      if (entry) entry.used = true
      return entry
    },
    peek: (grantId) => entries.get(grantId),
    ensure(key) {
      const existing = entries.get(key.grantId)
      if (existing) return existing
      if (entries.size >= maxEntries) makeRoom()
      const entry = createGrantEntry(key, killsOldToken, forgotten)
      entries.set(key.grantId, entry)
      return entry
    },
    forget(entry) {
      if (entry.rotation || entries.get(entry.key.grantId) !== entry) return
      entries.delete(entry.key.grantId)
      forgotten.knownAtMs = Math.max(forgotten.knownAtMs, entry.knownAtMs)
      forgotten.knownAfter = Math.max(forgotten.knownAfter, entry.knownAfter)
    },
    entries: () => entries.values(),
    clear: () => entries.clear(),
  }
}
