import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Crash } from '../crash-program.js'
import type { Kind, Scene } from '../scene.js'

const program = fileURLToPath(new URL('../crash-program.ts', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly output: string
}

/** Runs a program that ends in that way, and reads all that it prints. */
async function crash(
  kind: Crash,
  options: { flags?: readonly string[]; cwd?: string; debug?: string } = {},
): Promise<Ended> {
  const { flags = [], cwd, debug } = options
  const args = [
    '--conditions=@evergrant/source',
    `--import=${import.meta.resolve('tsx')}`,
    ...flags,
    program,
    kind,
  ]
  const env = { ...process.env, ...(debug && { NODE_DEBUG: debug }) }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env, ...(cwd && { cwd }) })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code: code as number | null, output: out + err }
}

async function expectCrash(
  scene: Scene,
  kind: Crash,
  flags: readonly string[] = [],
  cwd?: string,
): Promise<void> {
  const { code, output } = await crash(kind, { flags, ...(cwd && { cwd }) })
  if (code === 0 || output === '') throw new Error(`it did not crash: ${code} ${output}`)
  scene.see('output of the process', output)
}

const names: Readonly<Record<Crash, string>> = {
  'error-of-ours': 'an error of ours that nobody catches',
  rejection: 'a rejection that nobody handles',
  'axios-error': 'an axios error that nobody handles',
  'axios-throws': 'axios itself throws while a token is on its way',
  'with-everything': 'an error that has token, manager, provider and request as its fields',
}

export const crashKinds: readonly Kind[] = [
  ...(Object.entries(names) as [Crash, string][]).map(
    ([kind, name]): Kind => ({
      area: 'crash of the process',
      name,
      run: (scene) => expectCrash(scene, kind, ['--trace-uncaught']),
    }),
  ),
  {
    area: 'crash of the process',
    name: 'with a diagnostic report on disk',
    async run(scene) {
      const folder = scene.folder()
      const flags = ['--report-uncaught-exception', `--report-directory=${folder}`]
      await expectCrash(scene, 'with-everything', flags)
    },
  },
]

/** What Node prints when it is told to trace itself is its own affair: counted, not judged. */
export async function nodeDebugOutput(): Promise<string> {
  return (await crash('axios-error', { debug: 'http,net,undici,fetch,tls,stream' })).output
}
