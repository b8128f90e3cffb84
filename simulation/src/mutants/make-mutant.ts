import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { corePackage, mutate } from './mutate.js'
import type { Mutation } from './mutations.js'

export interface Mutant {
  /** What to import instead of `@evergrant/core`. */
  readonly corePath: string
  remove(): void
}

/**
 * A scratch copy of core with one mistake in it.
 *
 * @throws when the mutation does not find its place
 */
export function makeMutant(mutation: Mutation): Mutant {
  const text = mutate(mutation)
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-mutant-'))
  cpSync(join(corePackage, 'src'), join(folder, 'src'), { recursive: true })
  cpSync(join(corePackage, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(corePackage, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'src', mutation.file), text)
  return {
    corePath: join(folder, 'src', 'index.ts'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
