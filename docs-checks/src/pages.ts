import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** A page for readers: a README, or one of `docs/`. */
export interface Page {
  /** From the root of the repository. */
  readonly path: string
  readonly folder: string
  readonly text: string
}

export function readPages(): readonly Page[] {
  const within = (folder: string): string[] =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name))
  const ofPackages = readdirSync(join(root, 'packages')).map((name) => join('packages', name, 'README.md'))
  const others = ['chaos', 'benchmarks', 'simulation', 'secrecy'].map((name) => join(name, 'README.md'))
  return ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...within('docs'), ...ofPackages, ...others].map(
    (path) => ({ path, folder: dirname(path), text: readFileSync(join(root, path), 'utf8') }),
  )
}
