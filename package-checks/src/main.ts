/** `npm run check:packages`: packs every package and does with it what a stranger would. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkDeclarations } from './declarations.js'
import { compileProject, installProject, isTypeScript, runProject, writeProject } from './empty-project.js'
import { checkFileList } from './file-list.js'
import { checkManifest } from './manifest.js'
import { fetchNode } from './node-versions.js'
import { pack } from './pack.js'
import { publishedPackages, root } from './published-packages.js'
import { runCommand } from './run-command.js'
import { type Trial, trials } from './trials.js'
import { typeChecks } from './types-check.js'

const help = `npm run check:packages [-- --node 22,24] [--only TEXT] [--json]

  --node   tries the projects also on these Nodes, fetched from the package registry
  --only   only checks whose name contains this text
  --json   the last line of stdout is one JSON object

Exit code 1: something failed.`

const { values } = parseArgs({
  options: {
    node: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const say = (line: string): void => void process.stderr.write(`${line}\n`)
if (values.help) {
  say(help)
  process.exit(0)
}

const failures: { readonly name: string; readonly reason: string }[] = []
let passed = 0

async function check(name: string, run: () => Promise<unknown>): Promise<boolean> {
  if (!name.includes(values.only)) return false
  const beganMs = performance.now()
  try {
    await run()
    passed += 1
    say(`ok      ${name} (${((performance.now() - beganMs) / 1_000).toFixed(1)} s)`)
    return true
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    failures.push({ name, reason })
    say(`FAILED  ${name}\n${reason.replaceAll(/^/gm, '        ')}`)
    return false
  }
}

const scratch = mkdtempSync(join(tmpdir(), 'evergrant-packages-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1))

const packages = publishedPackages()
const specs: Record<string, string> = {}
for (const each of packages) {
  const tarball = await pack(each, scratch)
  specs[each.name] = `file:${tarball}`
  const here = { cwd: join(root, 'package-checks') }
  await check(`${each.name}: what is in the tarball`, () => checkFileList(each, tarball))
  await check(`${each.name}: what its manifest says`, () => checkManifest(each, tarball))
  await check(`${each.name}: declarations and maps`, async () => checkDeclarations(each))
  await check(`${each.name}: publint`, () =>
    runCommand('pnpm', ['exec', 'publint', '--strict', tarball], here),
  )
  await check(`${each.name}: attw`, () =>
    runCommand('pnpm', ['exec', 'attw', '--profile', 'esm-only', '--no-emoji', tarball], here),
  )
}

const nodes: [string, string][] = [[process.version, process.execPath]]
for (const major of values.node.split(',').filter(Boolean)) {
  await check(`Node ${major} can be had`, async () => {
    nodes.push([major, await fetchNode(major, join(scratch, `node-${major}`))])
  })
}

let count = 0
async function tryOut(trial: Trial): Promise<void> {
  count += 1
  const folder = join(scratch, `project-${count}`)
  const installed = await check(`${trial.name}: installs into an empty project`, async () => {
    writeProject(folder, trial, specs)
    await installProject(folder, trial)
  })
  if (!installed) return
  if (isTypeScript(trial) && !(await check(`${trial.name}: compiles`, () => compileProject(folder, trial))))
    return
  for (const [version, node] of nodes) {
    await check(`${trial.name}: its README's example works on Node ${version}`, () =>
      runProject(folder, trial, node),
    )
  }
}
for (const trial of trials()) await tryOut(trial)

const typed = join(scratch, 'types')
const everything: Trial = {
  name: 'types',
  kind: 'module',
  ours: packages.map(({ name }) => name),
  others: {
    '@nestjs/common': '12.5.1',
    '@nestjs/core': '12.5.1',
    '@types/express': '5.0.6',
    '@types/node': '20.19.43',
    '@types/pg': '8.23.1',
    axios: '1.21.1',
    express: '5.3.0',
    ioredis: '6.0.0',
    pg: '8.23.1',
    redis: '6.3.1',
    'reflect-metadata': '0.2.2',
    rxjs: '7.8.2',
    typescript: '5.9.3',
  },
  example: () => ({ file: 'none.mjs', code: '' }),
  harness: '',
}
const isTyped = await check('types: everything installs', async () => {
  writeProject(typed, everything, specs)
  await installProject(typed, everything)
})
if (isTyped) for (const [name, run] of typeChecks(typed, everything.ours)) await check(name, run)

if (values.json) process.stdout.write(`${JSON.stringify({ passed, failed: failures.length, failures })}\n`)
else process.stdout.write(`${passed} passed, ${failures.length} failed\n`)
process.exitCode = failures.length === 0 ? 0 : 1
