import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { anchorsOf, deadLinks } from '../src/links.js'
import { readPages, root } from '../src/pages.js'

const pages = readPages()

describe('every link of', () => {
  it.each(pages.map((page) => [page.path, page] as const))('%s leads somewhere', (_path, page) => {
    expect(deadLinks(page)).toEqual([])
  })
})

it('a link to a heading that is not there is found', () => {
  const page = { path: 'README.md', folder: '.', text: '# One\n[a](#one) [b](#two) [c](nowhere.md)' }
  expect(anchorsOf(page.text)).toEqual(new Set(['one']))
  expect(deadLinks({ ...page, path: 'docs/README.md', folder: 'docs' })).toContain('nowhere.md')
})

it('every page of docs/ is in the list of docs/README.md', () => {
  const list = pages.find(({ path }) => path === 'docs/README.md')?.text ?? ''
  const missing = readdirSync(join(root, 'docs')).filter(
    (name) => name.endsWith('.md') && name !== 'README.md' && !list.includes(`](${name})`),
  )
  expect(missing).toEqual([])
})

/** Files named in the guarantees, wherever in the tree their tests are. */
function testFiles(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.')) return []
    const path = join(folder, entry.name)
    return entry.isDirectory() ? testFiles(path) : entry.name.endsWith('.test.ts') ? [entry.name] : []
  })
}

it('every test that the guarantees name exists', () => {
  const text = pages.find(({ path }) => path === 'docs/guarantees.md')?.text ?? ''
  const named = new Set([...text.matchAll(/`([\w-]+\.test\.ts)`/g)].map(([, name]) => name as string))
  const there = new Set(testFiles())
  expect([...named].filter((name) => !there.has(name))).toEqual([])
  expect(named.size).toBeGreaterThan(15)
})
