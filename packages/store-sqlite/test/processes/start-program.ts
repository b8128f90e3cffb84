import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { fromSource } from '@evergrant/store-tests/processes/start'
import { afterAll } from 'vitest'

const cwd = fileURLToPath(new URL('../..', import.meta.url))

const started = new Set<ChildProcess>()
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

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
