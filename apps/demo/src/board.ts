import type { Report } from './messages.js'

export type WorkerState = Report['activity'] | 'starting' | 'killed' | 'stopped' | 'crashed'

export interface WorkerView {
  readonly number: number
  readonly pid: number
  calls: number
  failures: number
  generation: number
  state: WorkerState
}

export interface LogLine {
  readonly afterMs: number
  readonly text: string
  readonly isTrouble: boolean
}

/** What the main process has heard so far. */
export interface Board {
  readonly startedAtMs: number
  readonly workers: readonly WorkerView[]
  readonly log: readonly LogLine[]
  /** What went wrong and is no failed call: a crash, a step that did not come about. */
  troubles(): number
  /** The newest generation that any worker has, and when it was heard of. */
  newest(): { readonly generation: number; readonly atMs: number }
  living(): readonly WorkerView[]
  joined(number: number, pid: number): void
  reported(number: number, report: Report): void
  rotated(number: number, generation: number): void
  became(number: number, state: 'killed' | 'stopped' | 'crashed'): void
  say(text: string): void
  /** Something bad that the workers count themselves. */
  warn(text: string): void
  /** Something bad that counts as a failure. */
  trouble(text: string): void
  onLine(listener: (line: LogLine) => void): void
  /**
   * Resolves as soon as this holds.
   *
   * @throws Error naming `what`, when it has not come about within `withinMs`
   * @throws `signal.reason` when the show is over
   */
  until(what: string, holds: () => boolean, signal: AbortSignal, withinMs?: number): Promise<void>
}

const KEPT_LINES = 200
/** Who has not heard of a rotation by then is busy or frozen: its line need not wait. */
const HEARD_WITHIN_MS = 1_000
const DEAD: readonly WorkerState[] = ['killed', 'stopped', 'crashed']

export function createBoard(now: () => number = Date.now): Board {
  const startedAtMs = now()
  const workers: WorkerView[] = []
  const log: LogLine[] = []
  const lineListeners: ((line: LogLine) => void)[] = []
  const changed = new Set<() => void>()
  let troubles = 0
  let newest = { generation: 0, atMs: startedAtMs }
  /** A rotation whose line waits for the others to have heard of it. */
  let unsaid: { readonly by: number; readonly generation: number } | undefined

  const living = (): WorkerView[] => workers.filter(({ state }) => !DEAD.includes(state))
  const goingOn = (generation: number): number => living().filter((w) => w.generation === generation).length

  function write(text: string, isTrouble: boolean): void {
    const line = { afterMs: now() - startedAtMs, text, isTrouble }
    log.push(line)
    if (log.length > KEPT_LINES) log.shift()
    for (const listener of lineListeners) listener(line)
  }

  function sayRotation(): void {
    if (unsaid === undefined) return
    const { by, generation } = unsaid
    unsaid = undefined
    const count = goingOn(generation)
    const others = count === 1 ? '1 process goes' : `${count} processes go`
    write(
      `worker ${by} rotated agency: generation ${generation - 1} → ${generation}; ${others} on with it`,
      false,
    )
  }

  function change(): void {
    const calling = living().filter(({ state }) => state !== 'starting')
    if (unsaid !== undefined && goingOn(unsaid.generation) >= calling.length) sayRotation()
    for (const look of changed) look()
  }

  function update(number: number, changes: Partial<WorkerView>): void {
    const worker = workers.find((candidate) => candidate.number === number)
    if (worker === undefined || DEAD.includes(worker.state)) return
    Object.assign(worker, changes)
    if (worker.generation > newest.generation) newest = { generation: worker.generation, atMs: now() }
    change()
  }

  return {
    startedAtMs,
    workers,
    log,
    troubles: () => troubles,
    newest: () => newest,
    living,
    joined(number, pid) {
      workers.push({ number, pid, calls: 0, failures: 0, generation: 0, state: 'starting' })
      write(`worker ${number} started, pid ${pid}`, false)
      change()
    },
    reported(number, { calls, failures, activity: state, generation }) {
      update(number, { calls, failures, state, generation })
    },
    rotated(number, generation) {
      sayRotation()
      unsaid = { by: number, generation }
      setTimeout(() => unsaid?.generation === generation && sayRotation(), HEARD_WITHIN_MS).unref()
      change()
    },
    became(number, state) {
      update(number, { state })
    },
    say(text) {
      sayRotation()
      write(text, false)
      change()
    },
    warn(text) {
      write(text, true)
      change()
    },
    trouble(text) {
      troubles += 1
      write(text, true)
      change()
    },
    onLine: (listener) => void lineListeners.push(listener),
    until(what, holds, signal, withinMs = 10_000) {
      return new Promise((resolve, reject) => {
        const settle = (end: () => void): void => {
          changed.delete(look)
          clearTimeout(timer)
          signal.removeEventListener('abort', stop)
          end()
        }
        const look = (): void => {
          if (holds()) settle(resolve)
        }
        const stop = (): void => settle(() => reject(signal.reason))
        const late = (): void => settle(() => reject(new Error(`${what}: not within ${withinMs / 1000} s`)))
        const timer = setTimeout(late, withinMs)
        changed.add(look)
        signal.addEventListener('abort', stop)
        if (signal.aborted) stop()
        else look()
      })
    },
  }
}
