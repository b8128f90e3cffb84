import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { type Page, root } from './pages.js'

/** Links of a page that lead nowhere. Other sites are not asked: only whether the address can be one. */
export function deadLinks(page: Page): readonly string[] {
  const text = page.text.replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '')
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/(?:src|href)="([^"]+)"/g)]
  return targets.flatMap(([, target = '']) => (leadsSomewhere(page, target) ? [] : [target]))
}

function leadsSomewhere({ path, folder }: Page, target: string): boolean {
  if (/^https?:/.test(target)) return URL.canParse(target)
  if (target.startsWith('mailto:')) return true
  const [file = '', anchor] = target.split('#')
  const found = file === '' ? path : normalize(join(folder, file))
  if (found.startsWith('..') || !existsSync(join(root, found))) return false
  if (anchor === undefined) return true
  if (statSync(join(root, found)).isDirectory() || !found.endsWith('.md')) return false
  return anchorsOf(readFileSync(join(root, found), 'utf8')).has(anchor)
}

/** As the hosting site makes them of headings. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of markdown.replaceAll(/```[\s\S]*?```/g, '').matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-')
    let unique = slug
    for (let n = 1; anchors.has(unique); n++) unique = `${slug}-${n}`
    anchors.add(unique)
  }
  return anchors
}
