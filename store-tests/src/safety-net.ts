import { type ChildProcess, spawn } from 'node:child_process'

/**
 * Stops what this process has started and removes what it has written when it is gone, however it went: a stopped
 * worker or a database server would otherwise outlive its `kill -9`.
 */
export interface SafetyNet {
  /** `signal`: what ends it. PostgreSQL wants SIGQUIT, for after SIGKILL its shared memory would stay. */
  started(pid: number | undefined, signal?: NodeJS.Signals): void
  ended(pid: number | undefined): void
  folder(path: string): void
}

/** A process of its own reads what there is from a pipe: that the pipe has ended is what nobody can fail to say. */
const keeperProgram = `
  const { rmSync } = require('node:fs')
  const signals = new Map(), folders = []
  let text = ''
  process.stdin.on('data', (chunk) => {
    const lines = (text + chunk).split('\\n')
    text = lines.pop()
    for (const line of lines) {
      const [kind, value, signal] = JSON.parse(line)
      if (kind === 'started') signals.set(value, signal)
      if (kind === 'ended') signals.delete(value)
      if (kind === 'folder') folders.push(value)
    }
  })
  const send = (pid, signal) => { try { return process.kill(pid, signal) } catch { return false } }
  process.stdin.on('end', () => {
    for (const [pid, signal] of signals) send(pid, signal)
    // A server that ends in its own way still writes into its folder for a moment.
    const givenUpAtMs = performance.now() + 2_000
    const finish = () => {
      const left = [...signals.keys()].filter((pid) => send(pid, 0))
      if (left.length > 0 && performance.now() < givenUpAtMs) return
      for (const pid of left) send(pid, 'SIGKILL')
      for (const path of folders) {
        try { rmSync(path, { recursive: true, force: true, maxRetries: 5 }) } catch {}
      }
      process.exit()
    }
    finish()
    setInterval(finish, 20)
  })`

let keeper: ChildProcess | undefined

/** Detached and elsewhere: what ends this process, or its terminal, does not end its keeper. */
function startKeeper(): ChildProcess {
  const child = spawn(process.execPath, ['-e', keeperProgram], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.unref()
  child.stdin.on('error', () => {}) // Somebody has killed the keeper: tests go on without.
  ;(child.stdin as unknown as { unref?(): void }).unref?.()
  return child
}

function tell(kind: 'started' | 'ended' | 'folder', ...values: readonly (number | string)[]): void {
  keeper ??= startKeeper()
  keeper.stdin?.write(`${JSON.stringify([kind, ...values])}\n`)
}

/** The one of this process, spread when the first thing is put into it. */
export const safetyNet: SafetyNet = {
  started(pid, signal = 'SIGKILL') {
    if (pid !== undefined) tell('started', pid, signal)
  },
  ended(pid) {
    if (pid !== undefined) tell('ended', pid)
  },
  folder: (path) => tell('folder', path),
}
