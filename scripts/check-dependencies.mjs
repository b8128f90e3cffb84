#!/usr/bin/env node
/**
 * What an application gets with each published package, by the lockfile: is all of it in docs/dependencies.md, under a
 * licence of the list there, and without an install script? Part of `npm run check`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const ALLOWED = new Set(['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'])
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall']

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

/** The section `snapshots` of the lockfile: what each version depends on, `name@version` each. */
function readSnapshots() {
  const snapshots = new Map()
  const [, section = ''] = readFileSync(`${root}pnpm-lock.yaml`, 'utf8').split('\nsnapshots:\n')
  let current
  let isDependencies = false
  for (const line of section.split('\n')) {
    const [, id] = /^ {2}'?([^\s'].*?)'?:(?: \{\})?$/.exec(line) ?? []
    const [, kind] = /^ {4}(\w+):$/.exec(line) ?? []
    const [, name, version] = /^ {6}'?(.+?)'?: '?(.+?)'?$/.exec(line) ?? []
    if (id) {
      current = []
      snapshots.set(id, current)
    } else if (kind) isDependencies = ['dependencies', 'optionalDependencies'].includes(kind)
    else if (name && isDependencies) current.push(`${name}@${version}`)
  }
  return snapshots
}

const snapshots = readSnapshots()

function treeOf(id, found = new Set()) {
  if (found.has(id)) return found
  found.add(id)
  for (const child of snapshots.get(id) ?? []) treeOf(child, found)
  return found
}

/** Where pnpm has put it; builds for other platforms are not installed. */
function manifestOf(id) {
  const [, name, version] = /^(.+)@([^@(]+)/.exec(id)
  const folder = `${root}node_modules/.pnpm/${name.replace('/', '+')}@${version}/node_modules/${name}`
  return {
    name,
    version,
    folder,
    manifest: existsSync(folder) ? readJson(`${folder}/package.json`) : undefined,
  }
}

const problems = []
const rows = new Set()
for (const directory of readdirSync(`${root}packages`)) {
  const own = readJson(`${root}packages/${directory}/package.json`)
  for (const [name, version] of Object.entries(own.dependencies ?? {})) {
    if (!/^\d+\.\d+\.\d+$/.test(version)) problems.push(`${own.name} does not pin ${name}: ${version}`)
    for (const id of treeOf(`${name}@${version}`)) {
      const { name: part, version: of, folder, manifest } = manifestOf(id)
      if (!snapshots.has(id)) problems.push(`${id} is not in the lockfile`)
      // The builds of one driver for all platforms are one row.
      const shown = part.startsWith('@libsql/') ? '@libsql/*' : part
      if (manifest === undefined) {
        if (shown === part) problems.push(`${id} is not installed`)
        continue
      }
      if (!ALLOWED.has(manifest.license)) problems.push(`${id} has the licence ${manifest.license}`)
      const scripts = INSTALL_SCRIPTS.filter((script) => manifest.scripts?.[script])
      if (scripts.length > 0 || existsSync(`${folder}/binding.gyp`))
        problems.push(`${id} runs something when it is installed`)
      rows.add(`${own.name} ${shown} ${of} ${manifest.license}`)
    }
  }
}

const page = readFileSync(`${root}docs/dependencies.md`, 'utf8')
const cells = [...page.matchAll(/^\| `(@evergrant\/[\w-]+)` \| `([^`]+)` \| (\S+) \| (\S+) \| .+ \|$/gm)]
const listed = new Set(cells.map(([, of, name, version, licence]) => `${of} ${name} ${version} ${licence}`))
for (const row of rows) if (!listed.has(row)) problems.push(`docs/dependencies.md does not have: ${row}`)
for (const row of listed)
  if (!rows.has(row)) problems.push(`docs/dependencies.md has, but nobody depends on it: ${row}`)

for (const problem of problems) console.error(`check-dependencies: ${problem}`)
if (problems.length === 0)
  console.log(`Runtime dependencies: ${rows.size}, all listed, licensed and without install scripts.`)
process.exitCode = problems.length > 0 ? 1 : 0
