import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { PoolConfig } from 'pg'
import { afterAll } from 'vitest'
import type { WorkerJobs } from './store-worker.js'

const cwd = fileURLToPath(new URL('../..', import.meta.url))
/** Runs TypeScript from source, so that no build is needed. */
export const fromSource: readonly string[] = ['--conditions=@evergrant/source', '--import=tsx']

const started = new Set<ChildProcess>()
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

/** Another process with its own pool on the same database. */
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

export async function startWorker(connection: PoolConfig): Promise<Worker> {
  const program = fileURLToPath(new URL('./store-worker.ts', import.meta.url))
  const child = fork(program, [JSON.stringify(connection)], { cwd, execArgv: [...fromSource] })
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
