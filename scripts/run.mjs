#!/usr/bin/env node
/**
 * One way in for a machine that has only Node and npm: `node scripts/run.mjs TASK [args]`.
 * Fetches the pinned pnpm through npm, installs from the lockfile, then runs the steps of the task.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { installMissingPrograms } from './debian-packages.mjs'
import { lastGreen } from './last-green.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const [task = '', ...args] = process.argv.slice(2)
const ci = Boolean(process.env.CI)

/** What each task runs once dependencies are in place; `extra` arguments go to the last step. */
const TASKS = {
  demo: [['node', '--conditions=@evergrant/source', '--import=tsx', 'apps/demo/src/main.ts']],
  chaos: [['node', '--conditions=@evergrant/source', '--import=tsx', 'chaos/src/main.ts']],
  'chaos:reseal': [['node', '--conditions=@evergrant/source', '--import=tsx', 'chaos/src/reseal/main.ts']],
  // On what is published: built, not from source.
  bench: [
    ['turbo', 'run', 'build', '--output-logs=errors-only'],
    ['node', '--import=tsx', 'benchmarks/src/main.ts'],
  ],
  fuzz: [['node', '--conditions=@evergrant/source', '--import=tsx', 'secrecy/src/fuzz/main.ts']],
  simulate: [['node', '--conditions=@evergrant/source', '--import=tsx', 'simulation/src/main.ts']],
  'simulate:mutants': [
    ['node', '--conditions=@evergrant/source', '--import=tsx', 'simulation/src/mutants/main.ts'],
  ],
  // On what is built: a year is long, and the names that tsx keeps cost a fifth of it.
  'simulate:year': [
    ['turbo', 'run', 'build', '--output-logs=errors-only'],
    [
      'node',
      '--expose-gc',
      '--max-semi-space-size=64',
      '--max-old-space-size=8192',
      '--import=tsx',
      'simulation/src/year/main.ts',
    ],
  ],
  test: [
    ['turbo', 'run', 'typecheck', '--output-logs=errors-only'],
    ['vitest', 'run'],
  ],
  // Built anew: what a cache gives back lies beside what was there.
  'check:packages': [
    ['turbo', 'run', 'build', '--force', '--output-logs=errors-only'],
    ['node', '--import=tsx', 'package-checks/src/main.ts'],
  ],
  'release:version': [['node', '--import=tsx', 'release/src/version.ts']],
  'release:publish': [
    ['turbo', 'run', 'build', '--force', '--output-logs=errors-only'],
    ['node', '--import=tsx', 'release/src/publish.ts'],
  ],
  'release:dry': [
    ['turbo', 'run', 'build', '--force', '--output-logs=errors-only'],
    ['node', '--import=tsx', 'release/src/dry-run/main.ts'],
  ],
  // Of the docstrings, into api-reference/.
  'docs:api': [
    ['node', 'docs-checks/node_modules/typedoc/bin/typedoc', '--options', 'docs-checks/typedoc.json'],
  ],
  build: [['turbo', 'run', 'build', '--output-logs=errors-only']],
  check: [
    ['biome', ci ? 'ci' : 'check', '.'],
    ['oxlint', '--type-aware', '--deny-warnings'],
    ['knip'],
    ['node', 'scripts/check-dependencies.mjs'],
    ['node', '--import=tsx', 'simulation/src/mutants/check-places.ts'],
    ['turbo', 'run', 'build', 'typecheck', '--output-logs=errors-only'],
  ],
}

const steps = TASKS[task]
const major = process.versions.node.split('.').map(Number)
if (!steps) {
  console.error(`run.mjs: no task '${task}'; there are: ${Object.keys(TASKS).join(', ')}`)
  process.exit(2)
}
if (major[0] < 20 || (major[0] === 20 && major[1] < 19)) {
  console.error(`Evergrant needs Node 20.19 or newer; this is ${process.version}.`)
  process.exit(2)
}

const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }

// Ctrl-C is for the step that runs: it ends in its own order, and its exit code is ours.
process.on('SIGINT', () => {})

function run(command, commandArgs, options = {}) {
  const done = spawnSync(command, commandArgs, { cwd: root, stdio: 'inherit', env, ...options })
  if (done.error) throw done.error
  if (done.status !== 0) process.exit(done.status ?? 1)
}

if (process.env.EVERGRANT_PNPM_READY === undefined) {
  // `npm exec` puts the pinned pnpm on PATH for its children; turbo finds it there.
  const pnpm = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).packageManager
  env.EVERGRANT_PNPM_READY = '1'
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const self = ['--', 'node', 'scripts/run.mjs', task, ...args]
  run(npm, ['exec', '--yes', '--prefer-offline', `--package=${pnpm}`, ...self], {
    shell: process.platform === 'win32',
  })
} else {
  // Output of the demo's --json must end with its own line, so the install speaks on stderr.
  run(
    'pnpm',
    ['install', '--frozen-lockfile', '--prefer-offline', '--reporter=append-only', '--loglevel=warn'],
    {
      stdio: ['ignore', 2, 'inherit'],
      shell: process.platform === 'win32',
    },
  )
  if (['test', 'chaos', 'chaos:reseal', 'bench'].includes(task)) installMissingPrograms()
  const green = task === 'test' && args.length === 0 && !ci ? lastGreen(root) : undefined
  const said = green?.said()
  if (said) {
    console.log(
      `Nothing has changed since all tests passed at ${said.at}; npm test -- --run runs them again.`,
    )
    console.log(said.counts)
    process.exit(0)
  }
  if (green) env.EVERGRANT_COUNTS = green.counts
  for (const [index, [command, ...commandArgs]] of steps.entries()) {
    const last = index === steps.length - 1
    const full = [...commandArgs, ...(last ? args : [])]
    if (command === 'node') run(process.execPath, full)
    else run('pnpm', ['exec', command, ...full], { shell: process.platform === 'win32' })
  }
  green?.remember()
}
