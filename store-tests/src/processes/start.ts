import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { safetyNet } from '../safety-net.js'
import type { Answer, Jobs } from './serve.js'

/** What Node is told to run TypeScript from source, so that no build is needed. */
export const fromSource: readonly string[] = ['--conditions=@evergrant/source', '--import=tsx']

/** A process that takes jobs: its program calls `serve`. */
export interface Worker<J extends Jobs<J>> {
  readonly child: ChildProcess
  /** Resolves with what the job answers there; rejects with an error that says the same as the one there. */
  ask<K extends keyof J>(job: K, ...values: Parameters<J[K]>): Promise<Awaited<ReturnType<J[K]>>>
}

/** Resolves at the first message: that it is ready. */
async function startProcess(program: URL, setup: unknown): Promise<ChildProcess> {
  const child = fork(program, [JSON.stringify(setup)], {
    // Where its tsconfig.json is above it, whatever the tests were started in.
    cwd: fileURLToPath(new URL('.', program)),
    execArgv: [...fromSource],
  })
  safetyNet.started(child.pid)
  child.once('exit', () => safetyNet.ended(child.pid))
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${program.pathname} ended: ${signal ?? code}`)))
  })
  // Once it has spoken, its end is no failure of this wait.
  failed.catch(() => {})
  await Promise.race([once(child, 'message'), failed])
  return child
}

/** Runs a program from source, with `setup` for its `readSetup`. It ends with this process, if nobody ends it before. */
export async function startWorker<J extends Jobs<J>>(program: URL, setup: unknown): Promise<Worker<J>> {
  const child = await startProcess(program, setup)
  const waiting = new Map<number, (answer: Answer) => void>()
  let lastId = 0
  child.on('message', (answer: Answer) => {
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  return {
    child,
    async ask(job, ...values) {
      const id = ++lastId
      const answer = await new Promise<Answer>((resolve) => {
        waiting.set(id, resolve)
        child.send({ id, job, values })
      })
      if (answer.error !== undefined) throw new Error(answer.error)
      return answer.result as never
    },
  }
}
