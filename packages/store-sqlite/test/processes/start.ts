import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import type { WorkerJobs } from './store-worker.js'

const cwd = fileURLToPath(new URL('../..', import.meta.url))
/** Runs TypeScript from source, so that no build is needed. */
export const fromSource: readonly string[] = ['--conditions=@evergrant/source', '--import=tsx']

const started = new Set<ChildProcess>()
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

/** Another process with its own handle on the same file. */
export interface Worker {
  readonly child: ChildProcess
  ask<K extends keyof WorkerJobs>(
    job: K,
    ...values: Parameters<WorkerJobs[K]>
  ): Promise<ReturnType<WorkerJobs[K]>>
}

interface Reply {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

export async function startWorker(path: string): Promise<Worker> {
  const program = fileURLToPath(new URL('./store-worker.ts', import.meta.url))
  const child = fork(program, [path], { cwd, execArgv: [...fromSource] })
  started.add(child)
  const waiting = new Map<number, (reply: Reply) => void>()
  let lastId = 0
  child.on('message', (reply: Reply) => waiting.get(reply.id)?.(reply))
  await new Promise((resolve, reject) => {
    waiting.set(0, resolve)
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)))
  })
  return {
    child,
    async ask(job, ...values) {
      const id = ++lastId
      const reply = await new Promise<Reply>((resolve) => {
        waiting.set(id, resolve)
        child.send({ id, job, values })
      })
      if (reply.error !== undefined) throw new Error(reply.error)
      return reply.result as never
    },
  }
}

/** Starts a program of this folder that reports on standard output. */
export function startProgram(
  name: string,
  values: readonly string[],
  wrap: readonly string[] = [],
): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
  const program = fileURLToPath(new URL(`./${name}`, import.meta.url))
  const [command = '', ...rest] = [...wrap, process.execPath, ...fromSource, program, ...values]
  const child = spawn(command, rest, { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  started.add(child)
  return child as ReturnType<typeof startProgram>
}

/** The first line that the program prints. */
export async function firstLine(child: ReturnType<typeof startProgram>): Promise<string> {
  let text = ''
  for (;;) {
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
    text += chunk.toString('utf8')
    if (text.includes('\n')) return text.slice(0, text.indexOf('\n'))
  }
}
