import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ambientTypes } from './ambient-types.js'
import { runCommand } from './run-command.js'
import type { Trial } from './trials.js'

const harnesses = fileURLToPath(new URL('../trials', import.meta.url))

/**
 * `specs` says where each package of ours comes from: a tarball, or a version. Those that another needs come from there
 * too.
 */
export function writeProject(folder: string, trial: Trial, specs: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true })
  const named = [...trial.ours, '@evergrant/testing'].map((name) => [name, specs[name]])
  const manifest = {
    name: 'stranger',
    private: true,
    type: trial.kind,
    dependencies: { ...Object.fromEntries(named), ...trial.others },
    overrides: Object.fromEntries(
      Object.keys(specs).map((name) => [
        name,
        named.some(([own]) => own === name) ? `$${name}` : specs[name],
      ]),
    ),
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2))
  const { file, code } = trial.example()
  writeFileSync(join(folder, file), code)
  cpSync(harnesses, folder, { recursive: true })
}

/** A trial of one version must not run with another. */
export async function installProject(
  folder: string,
  { others }: Trial,
  npmArgs: readonly string[] = [],
): Promise<void> {
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
  await runCommand('npm', ['install', ...quiet, ...npmArgs], { cwd: folder })
  for (const [name, wanted] of Object.entries(others)) {
    const manifest = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')
    const { version } = JSON.parse(manifest) as { version: string }
    if (version !== wanted) throw new Error(`${name}: wanted ${wanted}, installed ${version}`)
  }
}

/** Where an example that is to be run lies: TypeScript is compiled before. */
const programOf = (file: string): string => file.replace(/^(.*)\.ts$/, 'out/$1.js')

export const isTypeScript = (trial: Trial): boolean => trial.example().file.endsWith('.ts')

/** Compiles a TypeScript example, strictly, as its project's kind of module. */
export async function compileProject(folder: string, trial: Trial): Promise<void> {
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    strict: true,
    skipLibCheck: false,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
    outDir: 'out',
  }
  writeFileSync(join(folder, 'ambient.d.ts'), ambientTypes)
  const files = [trial.example().file, 'ambient.d.ts']
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  await runCommand(join(folder, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: folder })
}

export async function runProject(folder: string, trial: Trial, node: string): Promise<void> {
  const program = join(folder, programOf(trial.example().file))
  await runCommand(node, [join(folder, trial.harness), program, trial.kind], {
    cwd: folder,
    timeoutMs: 60_000,
  })
}
