import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { PublishedPackage } from './published-packages.js'
import { runCommand } from './run-command.js'

const ALWAYS = ['LICENSE', 'README.md', 'package.json']

/** A module that another is built from, and what is built from it. */
function builtFrom(source: string): readonly string[] {
  const [, stem = '', kind = ''] = /^src\/(.*)\.(c?)ts$/.exec(source) ?? []
  if (stem === '') return []
  const built = [`dist/${stem}.${kind}js`, `dist/${stem}.d.${kind}ts`]
  return built.flatMap((file) => [file, `${file}.map`])
}

/**
 * Nothing is published but what is built from a source that is there, the sources that maps lead to, files that the
 * manifest names one by one, and the papers. Everything that is expected is there.
 */
export async function checkFileList({ folder }: PublishedPackage, tarball: string): Promise<void> {
  const packed = (await runCommand('tar', ['-tzf', tarball], { cwd: folder }))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^package\//, ''))
  const sources = readdirSync(join(folder, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  const { files } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { files: readonly string[] }
  const named = files.filter((each) => each !== 'dist' && each !== 'src')
  const expected = new Set([...ALWAYS, ...named, ...sources, ...sources.flatMap(builtFrom)])
  const tooMuch = packed.filter((file) => !expected.has(file) && file !== 'CHANGELOG.md')
  const missing = [...expected].filter((file) => !packed.includes(file))
  if (tooMuch.length > 0) throw new Error(`should not be published: ${tooMuch.join(', ')}`)
  if (missing.length > 0) throw new Error(`is missing: ${missing.join(', ')} (files: ${files.join(', ')})`)
}
