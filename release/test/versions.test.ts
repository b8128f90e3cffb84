import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Manifest, publishedPackages, root } from '@evergrant/package-checks/published-packages'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyTree } from '../src/copy-tree.js'
import { makeVersions } from '../src/make-versions.js'
import { peerRange } from '../src/peer-range.js'

/** The table of CONTRIBUTING.md is what must come out: `in` and `changeset` are played, the other columns compared. */
interface Row {
  readonly in: string
  readonly changeset: string
  readonly core: string
  readonly adapters: string
  readonly stores: string
  readonly testing: string
  readonly accepts: string
}

function tableOfContributing(): readonly Row[] {
  const text = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
  const lines = text.split('\n').filter((line) => /^\| [01]\.x \|/.test(line))
  return lines.map((line) => {
    const [of = '', changeset = '', core = '', adapters = '', stores = '', testing = '', accepts = ''] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', ''))
    return { in: of, changeset, core, adapters, stores, testing, accepts }
  })
}

/** Core is ahead of all others, as it will be: they are not released with it. */
const START = { '0.x': { core: '0.4.2', others: '0.3.1' }, '1.x': { core: '1.4.2', others: '1.3.1' } }

const shortName = (name: string): string => name.replace('@evergrant/', '')

function groupOf(name: string): 'core' | 'adapters' | 'stores' | 'testing' {
  const short = shortName(name)
  if (short === 'core' || short === 'testing') return short
  return short.startsWith('store-') ? 'stores' : 'adapters'
}

function bumpOf(before: string, after: string): string {
  const [from, to] = [before.split('.'), after.split('.')]
  const changed = ['major', 'minor', 'patch'].find((_part, i) => from[i] !== to[i])
  return changed ?? '–'
}

/** A group whose packages all went the same way has one word, else those that were released are named. */
function wordFor(group: string, bumps: ReadonlyMap<string, string>): string {
  const own = [...bumps].filter(([name]) => groupOf(name) === group)
  const words = new Set(own.map(([, bump]) => bump))
  if (words.size === 1) return [...words].join()
  return own
    .filter(([, bump]) => bump !== '–')
    .map(([name, bump]) => `${shortName(name)}: ${bump}`)
    .join(', ')
}

function writeManifest(folder: string, manifest: Manifest): void {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

/** Everything as after the last release, with the one changeset of this case. */
function prepare(tree: string, row: Row): void {
  const start = START[row.in as keyof typeof START]
  const startOf = (name: string): string => (groupOf(name) === 'core' ? start.core : start.others)
  for (const { name, folder, manifest } of publishedPackages(tree)) {
    manifest.version = startOf(name)
    for (const peer of Object.keys(manifest.peerDependencies ?? {})) {
      // From before core's last minors.
      if (peer.startsWith('@evergrant/'))
        manifest.peerDependencies![peer] = `workspace:${peerRange(start.others)}`
    }
    writeManifest(folder, manifest)
  }
  const folder = join(tree, '.changeset')
  for (const file of readdirSync(folder)) if (file.endsWith('.md')) rmSync(join(folder, file))
  const [name, bump] = row.changeset.split(' ')
  writeFileSync(join(folder, 'one.md'), `---\n'@evergrant/${name}': ${bump}\n---\n\nA change.\n`)
}

let scratch: string
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'evergrant-versions-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

async function play(row: Row): Promise<Row> {
  const tree = mkdtempSync(join(scratch, 'case-'))
  await copyTree(root, tree)
  prepare(tree, row)
  const before = publishedPackages(tree)
  await makeVersions(tree)
  const after = publishedPackages(tree)
  const bumps = new Map(
    after.map(({ name, manifest }, i) => [name, bumpOf(before[i]!.manifest.version, manifest.version)]),
  )
  const onCore = after.filter(({ manifest }) => manifest.peerDependencies?.['@evergrant/core'])
  const released = onCore.filter(({ name }) => bumps.get(name) !== '–')
  const rangeOf = ({ manifest }: (typeof after)[number]): string =>
    manifest.peerDependencies!['@evergrant/core']!.replace('workspace:', '')
  for (const each of onCore.filter((one) => !released.includes(one))) {
    expect(rangeOf(each), `${each.name} was not released`).toBe(
      peerRange(START[row.in as keyof typeof START].others),
    )
  }
  const accepts = new Set((released.length > 0 ? released : onCore).map(rangeOf))
  return {
    in: row.in,
    changeset: row.changeset,
    core: wordFor('core', bumps),
    adapters: wordFor('adapters', bumps),
    stores: wordFor('stores', bumps),
    testing: wordFor('testing', bumps),
    accepts: [...accepts].join(),
  }
}

describe('versions come out as the table of CONTRIBUTING.md says', () => {
  const rows = tableOfContributing()

  it('plays patch, minor and major of core and a patch of an adapter and of a store, in 0.x and in 1.x', () => {
    const played = rows.map((row) => `${row.in} ${row.changeset}`)
    const cases = ['core patch', 'core minor', 'core major', 'nestjs patch', 'store-redis patch']
    expect(played).toEqual(expect.arrayContaining(cases.flatMap((each) => [`0.x ${each}`, `1.x ${each}`])))
  })

  it.for(rows)('$in, $changeset', async (row) => {
    expect(await play(row)).toEqual(row)
  })

  it('no patch or minor makes a major of another package', () => {
    const small = rows.filter(({ changeset }) => !changeset.endsWith('major'))
    expect(small.filter((row) => Object.values(row).some((cell) => cell.includes('major')))).toEqual([])
  })
})
