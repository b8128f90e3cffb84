import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** This repository. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

export interface Manifest {
  readonly name: string
  version: string
  readonly private?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  peerDependencies?: Record<string, string>
  readonly [field: string]: unknown
}

export interface PublishedPackage {
  readonly name: string
  readonly folder: string
  readonly manifest: Manifest
}

/** Every package of the workspace in `tree` that is not private. */
export function publishedPackages(tree: string = root): readonly PublishedPackage[] {
  return readdirSync(join(tree, 'packages')).flatMap((entry) => {
    const folder = join(tree, 'packages', entry)
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
    return manifest.private ? [] : [{ name: manifest.name, folder, manifest }]
  })
}
