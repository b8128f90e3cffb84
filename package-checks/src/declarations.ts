import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { PublishedPackage } from './published-packages.js'

/** What an editor shows: everything exported has its comment; every map leads to a source. */
export function checkDeclarations({ folder, manifest }: PublishedPackage): void {
  const entries = Object.values(manifest.exports as Record<string, string | { readonly types?: string }>)
  const typed = entries.flatMap((entry) => (typeof entry === 'object' && entry.types) || [])
  const problems = [...lostSources(folder), ...typed.flatMap((file) => undocumented(join(folder, file)))]
  if (typed.length === 0) problems.push('no declarations')
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

function lostSources(folder: string): readonly string[] {
  const files = readdirSync(join(folder, 'dist'), { recursive: true, withFileTypes: true })
  const maps = files
    .filter((entry) => entry.name.endsWith('.map'))
    .map((entry) => join(entry.parentPath, entry.name))
  return maps.flatMap((map) => {
    const { sources } = JSON.parse(readFileSync(map, 'utf8')) as { readonly sources: readonly string[] }
    const lost = sources.filter((source) => !existsSync(join(dirname(map), source)))
    return lost.map((source) => `${relative(folder, map)} leads to ${source}`)
  })
}

/** `names`: those that are exported from there; all of them where an index says `export *`. */
function undocumented(file: string, names?: ReadonlySet<string>): readonly string[] {
  const text = readFileSync(file, 'utf8')
  const problems: string[] = []
  for (const [, list, from = ''] of text.matchAll(
    /^export (?:type )?(?:\{([^}]*)\}|\*) from '(\.[^']+)';$/gm,
  )) {
    const own = list?.split(',').map((each) => each.trim().replace(/^type /, ''))
    const wanted = own?.filter((name) => name !== '')
    const next = join(dirname(file), from.replace(/\.(c?)js$/, '.d.$1ts'))
    problems.push(...undocumented(next, wanted && new Set(wanted)))
  }
  const declared =
    /(\*\/\n)?^export (?:declare )?(?:abstract )?(?:class|const|function|interface|type) (\w+)/gm
  const seen = new Set<string>()
  for (const [, comment, name = ''] of text.matchAll(declared)) {
    // The comment of the first overload is for all.
    if (comment === undefined && !seen.has(name) && (names?.has(name) ?? true))
      problems.push(`${name} has no comment`)
    seen.add(name)
  }
  return problems
}
