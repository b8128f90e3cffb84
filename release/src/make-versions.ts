import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Manifest, publishedPackages } from '@evergrant/package-checks/published-packages'
import { changesets } from './changesets.js'
import { peerRange } from './peer-range.js'

/**
 * Turns the changesets of `tree` into versions, changelogs and ranges: what a version pull request holds.
 *
 * Changesets decides the versions. A range that a new version leaves it would leave open above (`>=1.0.0`), as if a
 * package had been tried with versions that are not there yet; so every package that is released gets its ranges anew,
 * for what it was tested with.
 */
export async function makeVersions(tree: string): Promise<void> {
  const versionsOf = () =>
    new Map(publishedPackages(tree).map(({ name, manifest }) => [name, manifest.version]))
  const before = versionsOf()
  await changesets(tree, 'version')
  const after = versionsOf()
  for (const { name, folder, manifest } of publishedPackages(tree)) {
    if (before.get(name) !== after.get(name)) writeRanges(folder, manifest, after)
  }
}

function writeRanges(folder: string, manifest: Manifest, versions: ReadonlyMap<string, string>): void {
  const peers = Object.entries(manifest.peerDependencies ?? {}).map(([peer, range]) => {
    const version = versions.get(peer)
    return [peer, version === undefined ? range : `workspace:${peerRange(version)}`]
  })
  if (peers.length === 0) return
  manifest.peerDependencies = Object.fromEntries(peers) as Record<string, string>
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}
