import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface PublishedPackage {
  readonly name: string
  readonly folder: string
  readonly version: string
  /** Filled when it was packed. */
  tarball: string
}

/** Every package of the workspace that is not private. */
export function publishedPackages(): PublishedPackage[] {
  return readdirSync(join(root, 'packages')).flatMap((entry) => {
    const folder = join(root, 'packages', entry)
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      name: string
      version: string
      private?: boolean
    }
    return manifest.private ? [] : [{ name: manifest.name, version: manifest.version, folder, tarball: '' }]
  })
}
