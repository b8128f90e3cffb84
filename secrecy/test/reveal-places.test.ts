import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How often each file of the published packages reads a raw secret. */
function placesInCode(): Record<string, number> {
  const places: Record<string, number> = {}
  for (const name of readdirSync(join(root, 'packages'))) {
    const source = join(root, 'packages', name, 'src')
    for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
      if (!/\.[cm]?ts$/.test(file)) continue
      const count = readFileSync(join(source, file), 'utf8').match(/\.reveal\(\)/g)?.length
      if (count) places[`${name}/src/${file}`] = count
    }
  }
  return places
}

/** As SECURITY.md has them: a table of file, count and reason. */
function placesInDocs(): Record<string, number> {
  const rows = readFileSync(join(root, 'SECURITY.md'), 'utf8').matchAll(
    /^\| `([\w./-]+\/src\/[\w./-]+)` \| (\d+) \| .+ \|$/gm,
  )
  return Object.fromEntries([...rows].map(([, file = '', count]) => [file, Number(count)]))
}

it('SECURITY.md lists every place where a raw secret is read, and no other', () => {
  expect(placesInDocs()).toEqual(placesInCode())
})
