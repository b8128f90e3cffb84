/** `npm run release:dry`: a whole release on this machine, then a stranger who installs it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  compileProject,
  installProject,
  isTypeScript,
  runProject,
  writeProject,
} from '@evergrant/package-checks/empty-project'
import { publishedPackages, root } from '@evergrant/package-checks/published-packages'
import { trials } from '@evergrant/package-checks/trials'
import { changesets } from '../changesets.js'
import { copyTree } from '../copy-tree.js'
import { makeVersions } from '../make-versions.js'
import { publishAll } from '../publish-all.js'
import { loopbackTarget } from './loopback-target.js'
import { npmArgsFor } from './npm-args.js'
import { startRegistry, type ThrowAwayRegistry } from './throw-away-registry.js'

const help = `npm run release:dry [-- --registry URL] [--json]

Makes versions of a copy of this repository, publishes them in order to a throw-away registry on loopback, installs from
there into an empty project and makes a refreshed call against the emulated server. Nothing of it stays.

  --registry  publishes to this registry instead of one of its own; refused unless its address is loopback
  --json      the last line of stdout is one JSON object

Exit code 1: a step failed. 2: refused to start.`

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const { values } = parseArgs({
  options: {
    registry: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  say(help)
  process.exit(0)
}
let given: URL | undefined
try {
  if (values.registry !== undefined) given = loopbackTarget(values.registry)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exit(2)
}

const scratch = mkdtempSync(join(tmpdir(), 'evergrant-release-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1))

let published: readonly string[] = []
let step = ''
const begin = (name: string): void => {
  step = name
  say(name)
}

async function release(registry: URL): Promise<void> {
  const tree = join(scratch, 'tree')
  const npmArgs = npmArgsFor(registry, scratch)
  begin('versions are made of the changesets')
  await copyTree(root, tree)
  await makeVersions(tree)
  begin('packages are published in order')
  published = await publishAll(tree, npmArgs)
  for (const each of published) say(`  ${each}`)
  const versions = publishedPackages(tree).map(({ name, manifest }) => [name, manifest.version] as const)
  const expected = versions.map((each) => each.join('@'))
  expectSame('published', published, expected)
  begin('a second run finds nothing to publish')
  expectSame('published again', await publishAll(tree, npmArgs), [])
  begin('releases are tagged')
  const tagged = [...(await changesets(tree, 'tag')).matchAll(/New tag:\s+(\S+)/g)].map(([, tag = '']) => tag)
  expectSame('tagged', tagged, expected)
  await tryOut(registry, Object.fromEntries(versions))
}

/** What the READMEs say, each with the newest version of its framework, by somebody who has only the registry. */
async function tryOut(registry: URL, versions: Readonly<Record<string, string>>): Promise<void> {
  const ofModules = trials().filter(({ kind }) => kind === 'module')
  const newest = new Map(ofModules.map((trial) => [trial.harness + trial.ours.join(), trial]))
  for (const trial of newest.values()) {
    begin(`${trial.name}: installed from the registry`)
    const folder = mkdtempSync(join(scratch, 'stranger-'))
    writeProject(folder, trial, versions)
    // Everybody else's packages come from where they always do.
    await installProject(folder, trial, [
      `--@evergrant:registry=${registry.href}`,
      `--cache=${join(scratch, 'npm-cache')}`,
      '--omit-lockfile-registry-resolved=false',
    ])
    const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { resolved?: string }>
    }
    for (const name of trial.ours) {
      const from = lock.packages[`node_modules/${name}`]?.resolved ?? 'nowhere'
      if (!from.startsWith(registry.href)) throw new Error(`${name} came from ${from}`)
    }
    begin(`${trial.name}: a refreshed call`)
    if (isTypeScript(trial)) await compileProject(folder, trial)
    await runProject(folder, trial, process.execPath)
  }
}

function expectSame(what: string, got: readonly string[], expected: readonly string[]): void {
  const [these, those] = [got, expected].map((each) => [...each].sort().join(', '))
  if (these !== those) throw new Error(`${what}: ${these}; not ${those}`)
}

let own: ThrowAwayRegistry | undefined
let failure: string | undefined
try {
  if (given === undefined) {
    begin('a registry starts')
    own = await startRegistry(scratch)
    say(`  at ${own.url}`)
  }
  await release(given ?? loopbackTarget(own!.url))
} catch (error) {
  failure = `${step}: ${error instanceof Error ? error.message : String(error)}`
  say(`FAILED  ${failure}`)
} finally {
  await own?.stop()
}

if (values.json) process.stdout.write(`${JSON.stringify({ published, failure: failure ?? null })}\n`)
else if (failure === undefined) say(`${published.length} packages released, installed and used`)
process.exitCode = failure === undefined ? 0 : 1
