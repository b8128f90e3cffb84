import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const folders: string[] = []

afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A path for a database in a folder of its own, which is removed after the tests of the file. */
export function freshPath(name = 'tokens.db'): string {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-sqlite-'))
  folders.push(folder)
  return join(folder, name)
}
