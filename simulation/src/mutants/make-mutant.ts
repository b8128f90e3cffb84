import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutation } from './mutations.js'

const corePackage = fileURLToPath(new URL('../../../packages/core/', import.meta.url))

export interface Mutant {
  /** What to import instead of `@evergrant/core`. */
  readonly corePath: string
  remove(): void
}

/**
 * A scratch copy of core with one mistake in it.
 *
 * @throws when the text to be replaced is not there, or more than once: then the mutation proves nothing
 */
export function makeMutant({ name, file, from, to }: Mutation): Mutant {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-mutant-'))
  cpSync(join(corePackage, 'src'), join(folder, 'src'), { recursive: true })
  cpSync(join(corePackage, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(corePackage, 'node_modules'), join(folder, 'node_modules'))
  const path = join(folder, 'src', file)
  const text = readFileSync(path, 'utf8')
  const times = text.split(from).length - 1
  if (times !== 1) {
    rmSync(folder, { recursive: true })
    throw new Error(`mutation '${name}': its text occurs ${times} times in ${file}; core has moved on`)
  }
  writeFileSync(
    path,
    text.replace(from, () => to),
  )
  return {
    corePath: join(folder, 'src', 'index.ts'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
