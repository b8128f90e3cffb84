import type { Page } from './pages.js'

/** TypeScript of a page, with what it takes for given. */
export interface CodeBlock {
  readonly name: string
  /** Line of the page at which it begins. */
  readonly line: number
  readonly code: string
}

/** ```` ```ts ```` blocks; a comment `<!-- given … -->` before one declares what it uses and does not show. */
const BLOCK = /(?:<!-- given\n([\s\S]*?)-->\n+)?^( *)```ts\n([\s\S]*?)^ *```$/gm

export function codeBlocks({ path, text }: Page): readonly CodeBlock[] {
  return [...text.matchAll(BLOCK)].map((match, i) => {
    const [whole, given = '', indent = '', shown = ''] = match
    const line = text.slice(0, match.index + whole.indexOf('```ts')).split('\n').length
    const code = indent === '' ? shown : shown.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
    return { name: `${path.replaceAll(/[^\w]+/g, '-')}-${i + 1}`, line, code: `${given}${code}\nexport {}\n` }
  })
}
