import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface RunningDemo {
  readonly child: ChildProcess
  stdout(): string
  stderr(): string
  /** Resolves as soon as stdout has this. */
  saw(text: RegExp): Promise<void>
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Processes that the demo started and that still run. */
  leftProcesses(): readonly number[]
  /** Its files that are still there. */
  leftFiles(): readonly string[]
}

/** Starts the demo as `npm run demo` does, with a temp folder of its own; both are gone after the test. */
export function runDemo(args: readonly string[] = []): RunningDemo {
  const folder = mkdtempSync(join(tmpdir(), 'demo-test-'))
  const child = spawn(
    process.execPath,
    ['--conditions=@evergrant/source', '--import=tsx', 'apps/demo/src/main.ts', ...args],
    { cwd: root, env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  onTestFinished(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
    })
  }
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  return {
    child,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    saw: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (wanted.test(text.stdout)) resolve()
        }
        child.stdout?.on('data', look)
        child.once('close', () => reject(new Error(`the demo ended before ${wanted}\n${text.stderr}`)))
        look()
      }),
    ended,
    leftProcesses: () => workerPids(text.stdout + text.stderr).filter(isRunning),
    leftFiles: () => readdirSync(folder).filter((name) => name.startsWith('evergrant-demo-')),
  }
}

function workerPids(output: string): readonly number[] {
  return [...output.matchAll(/worker \d+ started, pid (\d+)/g)].map(([, pid]) => Number(pid))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
