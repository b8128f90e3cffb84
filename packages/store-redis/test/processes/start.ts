import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import type { WorkerJobs } from './store-worker.js'

const cwd = fileURLToPath(new URL('../..', import.meta.url))
/** Runs TypeScript from source, so that no build is needed. */
const fromSource: readonly string[] = ['--conditions=@evergrant/source', '--import=tsx']

const started = new Set<ChildProcess>()
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

/** Another process with a client of its own. */
export interface Worker {
  ask<K extends keyof WorkerJobs>(
    job: K,
    ...values: Parameters<WorkerJobs[K]>
  ): Promise<Awaited<ReturnType<WorkerJobs[K]>>>
}

interface Reply {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

export async function startWorker(library: 'node-redis' | 'ioredis', url: string): Promise<Worker> {
  const program = fileURLToPath(new URL('./store-worker.ts', import.meta.url))
  const child = fork(program, [library, url], { cwd, execArgv: [...fromSource] })
  started.add(child)
  const waiting = new Map<number, (reply: Reply) => void>()
  let lastId = 0
  child.on('message', (reply: Reply) => waiting.get(reply.id)?.(reply))
  await new Promise((resolve, reject) => {
    waiting.set(0, resolve)
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)))
  })
  return {
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
