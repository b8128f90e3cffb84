import { closeSync, openSync, readSync } from 'node:fs'
import type { Arm, Knowledge } from './history.js'
import type { JournalLine, StrikeSignal } from './messages.js'

/** Reads what the workers write down. */
export interface Journal {
  follow(worker: number, path: string): void
  /** Takes in what is new. */
  poll(): void
  /** When this worker last sent itself this signal, if it has. */
  struckAtMs(worker: number, signal: StrikeSignal): number | undefined
  /** The worker is gone: nothing more will come. */
  leave(worker: number): void
  readonly arms: readonly Arm[]
  readonly knowledge: readonly Knowledge[]
  /** The lines of all workers between two instants, for reading by eye. */
  excerpt(fromMs: number, toMs: number): readonly string[]
}

const CHUNK_BYTES = 65_536

export function createJournal(): Journal {
  const followed = new Map<number, { readonly file: number; rest: string }>()
  const arms: Arm[] = []
  const knowledge: Knowledge[] = []
  const strikes = new Map<string, number>()
  const lines: { readonly worker: number; readonly line: JournalLine }[] = []
  const buffer = Buffer.alloc(CHUNK_BYTES)

  function take(worker: number, line: JournalLine): void {
    lines.push({ worker, line })
    switch (line.e) {
      case 'armed':
        arms.push({
          worker,
          token: line.token,
          lookedMs: line.lookedMs,
          askedMs: line.askedMs,
          armedMs: line.t,
        })
        break
      case 'read':
      case 'escrowed':
      case 'stored':
        knowledge.push({ worker, how: line.e, successor: line.successor, atMs: line.t })
        break
      case 'strikes':
        strikes.set(`${worker} ${line.signal}`, line.t)
        break
      case 'note':
        break
    }
  }

  function read(worker: number, source: { readonly file: number; rest: string }): void {
    for (;;) {
      const length = readSync(source.file, buffer, 0, CHUNK_BYTES, null)
      if (length === 0) return
      const parts = (source.rest + buffer.toString('utf8', 0, length)).split('\n')
      source.rest = parts.pop() ?? ''
      for (const part of parts) take(worker, JSON.parse(part) as JournalLine)
    }
  }

  return {
    follow(worker, path) {
      followed.set(worker, { file: openSync(path, 'a+', 0o600), rest: '' })
    },
    poll() {
      for (const [worker, source] of followed) read(worker, source)
    },
    struckAtMs: (worker, signal) => strikes.get(`${worker} ${signal}`),
    leave(worker) {
      const source = followed.get(worker)
      if (!source) return
      read(worker, source)
      closeSync(source.file)
      followed.delete(worker)
    },
    arms,
    knowledge,
    excerpt: (fromMs, toMs) =>
      lines
        .filter(({ line }) => line.t >= fromMs && line.t <= toMs)
        .sort((a, b) => a.line.t - b.line.t)
        .map(
          ({ worker, line: { e, t, ...rest } }) => `${t.toFixed(1)} #${worker} ${e} ${JSON.stringify(rest)}`,
        ),
  }
}
