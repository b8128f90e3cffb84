import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutation } from './mutations.js'

export const corePackage = fileURLToPath(new URL('../../../packages/core/', import.meta.url))

/**
 * The file with the mistake in it.
 *
 * @throws when the text to be replaced is not there, or more than once: then the mutation proves nothing
 */
export function mutate({ name, file, from, to }: Mutation): string {
  const text = readFileSync(join(corePackage, 'src', file), 'utf8')
  const times = text.split(from).length - 1
  if (times !== 1)
    throw new Error(`mutation '${name}': its text occurs ${times} times in ${file}; core has moved on`)
  return text.replace(from, () => to)
}
