import { type GrantLink, isEvergrantError, type StoreWatcher } from '@evergrant/core'
import type { RedisCommands } from './redis-commands.js'
import { translateRedisError } from './redis-errors.js'

/** How processes hear of each other's changes. */
export interface Notices {
  /** As `TokenStore.watch`. */
  watch(watcher: StoreWatcher): Promise<() => Promise<void>>
}

/** A notice as the scripts publish it: which grant changed, no secret. */
export const noticeText = ({ provider, grantId, chain, generation }: GrantLink): string =>
  JSON.stringify([provider, grantId, chain, generation])

function readNotice(text: string): GrantLink | undefined {
  try {
    const [provider, grantId, chain, generation] = JSON.parse(text) as [string, string, string, number]
    return typeof provider === 'string' && typeof grantId === 'string' && typeof chain === 'string'
      ? { provider, grantId, chain, generation: Number(generation) }
      : undefined
  } catch {
    return undefined // Somebody else uses the channel.
  }
}

const shortestPauseMs = 20
const longestPauseMs = 1_000

/**
 * Keeps one connection for all watchers of this store, from the first to the last of them. It is ours: when it
 * breaks, another is opened, and since notices may have been missed meanwhile, all watchers hear `gap`.
 */
export function createNotices(commands: RedisCommands, channel: string, firstTryMs: number): Notices {
  const watchers = new Set<StoreWatcher>()
  /** The connection, and what is done to have one; another object after each start. */
  let current: { close: () => void; readonly opened: Promise<void> } | undefined

  function tell(report: (watcher: StoreWatcher) => void): void {
    for (const watcher of watchers) {
      try {
        report(watcher)
      } catch {
        // A listener that fails must not keep others from hearing.
      }
    }
  }

  function start(): NonNullable<typeof current> {
    let ended = false
    let closeConnection: (() => void) | undefined
    let timer: NodeJS.Timeout | undefined
    let pauseMs = shortestPauseMs
    let tries = 0
    const message = (text: string): void => {
      const link = ended ? undefined : readNotice(text)
      if (link) tell((watcher) => watcher.changed(link))
    }

    const opened = new Promise<void>((resolve, reject) => {
      function later(): void {
        closeConnection = undefined
        if (ended) return
        timer = setTimeout(() => void open(), pauseMs)
        // Only the connection itself keeps the process alive.
        timer.unref()
        pauseMs = Math.min(2 * pauseMs, longestPauseMs)
      }

      async function open(): Promise<void> {
        const isFirst = tries++ === 0
        try {
          let gone = false
          const close = await commands.openSubscription(channel, {
            message,
            end() {
              gone = true
              if (closeConnection) later()
            },
          })
          if (ended) return close()
          if (gone) return later()
          closeConnection = close
          pauseMs = shortestPauseMs
          if (!isFirst) tell((watcher) => watcher.gap())
          resolve()
        } catch (error) {
          const translated = translateRedisError(error)
          // Who waits for the first connection hears of it; who watches already goes on without notices.
          if (isFirst && isEvergrantError(translated, 'STORE_UNUSABLE')) reject(translated)
          later()
        }
      }
      void open()
    })

    return {
      opened,
      close() {
        ended = true
        clearTimeout(timer)
        closeConnection?.()
      },
    }
  }

  function stop(): void {
    current?.close()
    current = undefined
  }

  return {
    async watch(watcher) {
      // A copy, so that one that watches twice is told twice and ends each by itself.
      const own: StoreWatcher = { changed: (link) => watcher.changed(link), gap: () => watcher.gap() }
      watchers.add(own)
      current ??= start()
      const end = async (): Promise<void> => {
        if (watchers.delete(own) && watchers.size === 0) stop()
      }
      let timer: NodeJS.Timeout | undefined
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, firstTryMs)
      })
      try {
        // With the server away, it goes on behind this: the watcher then begins with a gap.
        await Promise.race([current.opened, enough])
        return end
      } catch (error) {
        await end()
        throw error
      } finally {
        clearTimeout(timer)
      }
    },
  }
}
