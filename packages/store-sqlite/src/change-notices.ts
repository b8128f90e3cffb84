import {
  closeSync,
  type FSWatcher,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  realpathSync,
  watch,
  writeSync,
} from 'node:fs'
import type { GrantLink, StoreWatcher } from '@evergrant/core'

/** How processes hear of each other's commits. */
export interface ChangeNotices {
  /** Tells the watchers of this handle at once, and those of every other handle through the file. */
  publish(link: GrantLink): void
  subscribe(watcher: StoreWatcher): () => void
  close(): void
}

/** The file starts anew beyond this size. */
const maxBytes = 64 * 1024
/** How much of the file's beginning identifies it. */
const headBytes = 64
/** Where the system offers no file notices. */
const pollEveryMs = 250

type Line = readonly [origin: string, provider: string, grantId: string, chain: string, generation: number]

function parseLine(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.length === 5 ? (value as unknown as Line) : undefined
  } catch {
    return undefined // Half a line: its writer died, or the disk is full. Notices may be lost.
  }
}

function readAt(fd: number, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, to - from))
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, from))
}

/**
 * Keeps `<path>-notify`: after each commit its writer appends one line (which grant, no secret), which wakes
 * whoever watches the file. Waiting therefore costs no query at all. It is a hint: a line may be lost with
 * its writer, and the file begins anew when it has grown, which watchers see as a gap.
 */
export function createChangeNotices(path: string): ChangeNotices {
  const origin = crypto.randomUUID()
  const watchers = new Set<StoreWatcher>()
  let stopWatching: (() => void) | undefined
  let head: Buffer = Buffer.alloc(0)
  let position = 0

  function tell(report: (watcher: StoreWatcher) => void): void {
    for (const watcher of watchers) {
      try {
        report(watcher)
      } catch {
        // A listener that fails must not fail the step that another caller waits for.
      }
    }
  }

  /** Beside the database itself: whoever reaches it through a symbolic link must find the same file. */
  function notifyFile(): string {
    try {
      return `${realpathSync(path)}-notify`
    } catch {
      return `${path}-notify`
    }
  }

  /** Opened by name each time: somebody may have removed the file, and then all must meet in the new one. */
  function append(value: Line | string): void {
    // The mode counts when the file is made; a umask can only take more away.
    const fd = openSync(notifyFile(), 'a', 0o600)
    try {
      writeSync(fd, `${JSON.stringify(value)}\n`)
      if (fstatSync(fd).size <= maxBytes) return
      ftruncateSync(fd)
      writeSync(fd, `${JSON.stringify(crypto.randomUUID())}\n`)
    } finally {
      closeSync(fd)
    }
  }

  /** Reads what was appended since the last look; `skip`: only remembers where the file ends now. */
  function look(skip = false): void {
    const fd = openSync(notifyFile(), 'r')
    try {
      const { size } = fstatSync(fd)
      const sameFile = size >= position && readAt(fd, 0, head.length).equals(head)
      const bytes = sameFile && !skip ? readAt(fd, position, size) : undefined
      const end = bytes ? bytes.lastIndexOf(10) + 1 : 0
      position = bytes ? position + end : size
      head = readAt(fd, 0, Math.min(headBytes, size))
      if (!sameFile) tell((watcher) => watcher.gap())
      if (bytes) deliver(bytes.subarray(0, end))
    } finally {
      closeSync(fd)
    }
  }

  function deliver(bytes: Buffer): void {
    for (const text of bytes.toString('utf8').split('\n')) {
      const line = text === '' ? undefined : parseLine(text)
      if (line === undefined || line[0] === origin) continue
      const [, provider, grantId, chain, generation] = line
      tell((watcher) => watcher.changed({ provider, grantId, chain, generation }))
    }
  }

  function lookAgain(): void {
    try {
      look()
    } catch {
      restart() // The file went away.
    }
  }

  function restart(): void {
    stopWatching?.()
    stopWatching = undefined
    if (watchers.size > 0) start()
    tell((watcher) => watcher.gap())
  }

  function start(): void {
    try {
      append(crypto.randomUUID())
      const watching: FSWatcher = watch(notifyFile(), { persistent: false }, (event) => {
        // `rename`: the name leads elsewhere now; what this observes is nobody's file any more.
        if (event === 'rename') restart()
        else lookAgain()
      })
      watching.on('error', () => {
        watching.close()
        poll()
      })
      stopWatching = () => watching.close()
      look(true)
    } catch {
      poll()
    }
  }

  function poll(): void {
    const timer = setInterval(() => {
      try {
        look()
      } catch {
        tell((watcher) => watcher.gap())
      }
    }, pollEveryMs)
    timer.unref()
    stopWatching = () => clearInterval(timer)
  }

  return {
    publish(link) {
      tell((watcher) => watcher.changed(link))
      const line: Line = [origin, link.provider, link.grantId, link.chain, link.generation]
      try {
        append(line)
      } catch {
        // The commit stands; others find it when they look.
      }
    },
    subscribe(watcher) {
      watchers.add(watcher)
      if (!stopWatching) start()
      return () => {
        watchers.delete(watcher)
        if (watchers.size > 0) return
        stopWatching?.()
        stopWatching = undefined
      }
    },
    close() {
      watchers.clear()
      stopWatching?.()
      stopWatching = undefined
    },
  }
}
