import { EvergrantError, type GrantLink, type StoreWatcher } from '@evergrant/core'
import { quoteIdentifier } from './names.js'
import type { PostgresClient, PostgresNotification, PostgresPool } from './pg-like.js'

/** Hears of the changes that any process makes, on one connection for all watchers of a store. */
export interface Listener {
  /** Resolves when notices arrive from now on, or when the server cannot be reached: then a gap comes later. */
  subscribe(watcher: StoreWatcher): Promise<() => void>
  /** Ends all watchers and the connection. */
  close(): void
}

/** How often a quiet connection is looked at: one that broke without a word says so only when asked. */
const heartbeatMs = 30_000
const minBackoffMs = 50
const maxBackoffMs = 5_000

/** From the first `subscribe` to the end of the last; connections come and go in between. */
interface Session {
  ended: boolean
  /** Whether there was a time without a connection in which somebody counted on it. */
  missed: boolean
  /** Ends what the session waits for. */
  interrupt: () => void
  /** Resolves after the first try to connect, however it went. */
  readonly ready: Promise<void>
  readonly setReady: () => void
}

function openSession(): Session {
  let setReady = (): void => {}
  const ready = new Promise<void>((resolve) => {
    setReady = resolve
  })
  return { ended: false, missed: false, interrupt: () => {}, ready, setReady }
}

function parseLink(payload: string | undefined): GrantLink | undefined {
  try {
    const [provider, grantId, chain, generation] = JSON.parse(payload ?? '') as [
      string,
      string,
      string,
      number,
    ]
    return { provider, grantId, chain, generation }
  } catch {
    return undefined // Too long to be sent, or not sent by us.
  }
}

/** How long to wait before the nth try in a row; spread, for all processes lost the server at once. */
function backoffMs(failures: number): number {
  return Math.min(minBackoffMs * 2 ** failures, maxBackoffMs) * (0.5 + Math.random() / 2)
}

/**
 * Keeps one client of the pool for LISTEN while anyone watches. A client that served as listener is ended and
 * not given back: nothing of ours stays in a session that others use.
 */
export function createListener(pool: PostgresPool, channel: string, timeoutMs: number): Listener {
  const watchers = new Set<{ readonly watcher: StoreWatcher }>()
  let session: Session | undefined
  let closed = false

  function tell(report: (watcher: StoreWatcher) => void): void {
    for (const { watcher } of watchers) {
      try {
        report(watcher)
      } catch {
        // A watcher that fails must not keep the others from hearing.
      }
    }
  }

  function hear({ channel: heardOn, payload }: PostgresNotification): void {
    if (heardOn !== channel) return
    const link = parseLink(payload)
    tell((watcher) => (link ? watcher.changed(link) : watcher.gap()))
  }

  /** Resolves when the connection is lost or the session ends; rejects when it never listened. */
  async function listenUntilBroken(current: Session, client: PostgresClient, onListening: () => void) {
    let heartbeat: NodeJS.Timeout | undefined
    let giveUp = (): void => {}
    const broken = new Promise<void>((resolve) => {
      giveUp = resolve
      current.interrupt = resolve
      client.on('error', resolve)
      client.on('end', resolve)
    })
    try {
      client.on('notification', (message) => {
        if (!current.ended) hear(message)
      })
      const listening = client.query({
        text: `LISTEN ${quoteIdentifier(channel)}`,
        query_timeout: timeoutMs,
      })
      await Promise.race([listening, broken.then(() => Promise.reject(new Error('broken')))])
      onListening()
      heartbeat = setInterval(() => {
        stillListens(client).then((alive) => alive || giveUp(), giveUp)
      }, heartbeatMs)
      heartbeat.unref()
      await broken
    } finally {
      clearInterval(heartbeat)
      client.release(true)
    }
  }

  /** A pooler that gives each statement another connection would have taken the LISTEN away. */
  async function stillListens(client: PostgresClient): Promise<boolean> {
    const text = 'SELECT 1 FROM pg_listening_channels() AS channel WHERE channel = $1'
    const { rows } = await client.query({ text, values: [channel], query_timeout: timeoutMs })
    return rows.length > 0
  }

  async function keepListening(current: Session): Promise<void> {
    let failures = 0
    while (!current.ended && pool.ending !== true) {
      try {
        const client = await pool.connect()
        if (current.ended) {
          client.release()
          break
        }
        await listenUntilBroken(current, client, () => {
          failures = 0
          if (current.missed) tell((watcher) => watcher.gap())
          current.missed = false
          current.setReady()
        })
      } catch {
        // The store's steps tell the caller what is wrong; here it is tried again.
      }
      current.missed = true
      current.setReady()
      if (!current.ended) await rest(current, backoffMs(failures++))
    }
    current.setReady()
  }

  /** The wait keeps no process alive. */
  function rest(current: Session, ms: number): Promise<void> {
    return new Promise((resolve) => {
      current.interrupt = resolve
      setTimeout(resolve, ms).unref()
    })
  }

  function end(current: Session): void {
    current.ended = true
    current.interrupt()
    current.setReady()
    if (session === current) session = undefined
  }

  return {
    async subscribe(watcher) {
      if (closed) throw new EvergrantError('CLOSED', 'This store was closed.')
      const entry = { watcher }
      watchers.add(entry)
      if (session === undefined) {
        session = openSession()
        void keepListening(session)
      }
      const current = session
      // A pool that is exhausted, or a server that does not answer, must not hold up whoever begins to watch.
      const late = setTimeout(() => {
        current.missed = true
        current.setReady()
      }, timeoutMs)
      await current.ready
      clearTimeout(late)
      return () => {
        if (!watchers.delete(entry)) return
        if (watchers.size === 0) end(current)
      }
    },
    close() {
      closed = true
      watchers.clear()
      if (session) end(session)
    },
  }
}
