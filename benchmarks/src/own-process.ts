import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Starts a file of this folder in a process of its own, and waits for its first message. */
export async function startOwnProcess<M>(
  file: string,
  setup?: unknown,
): Promise<{ readonly child: ChildProcess; readonly first: M }> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = fork(path, setup === undefined ? [] : [JSON.stringify(setup)])
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${file} ended: ${signal ?? code}`)))
  })
  // Once it has spoken, its end is no failure of this wait.
  failed.catch(() => {})
  const [first] = (await Promise.race([once(child, 'message'), failed])) as [M]
  return { child, first }
}
