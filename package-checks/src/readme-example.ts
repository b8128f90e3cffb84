import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './published-packages.js'

/** What a trial puts in place of the outside world's addresses: text by text, each of which must be there. */
export type Replacements = Readonly<Record<string, string>>

/** The first example of a README, with other addresses. @throws Error when the README no longer has one of the texts */
export function readmeExample(readme: string, replacements: Replacements): string {
  const text = readFileSync(join(root, readme), 'utf8')
  let code = /```ts\n([\s\S]*?)```/.exec(text)?.[1]
  if (code === undefined) throw new Error(`${readme} has no example`)
  for (const [part, replacement] of Object.entries(replacements)) {
    if (!code.includes(part)) throw new Error(`${readme}: the example no longer has ${part}`)
    code = code.replaceAll(part, replacement)
  }
  return code
}

/** What a README declares before its first example, for readers of the source: names that the application brings. */
export function givenOf(readme: string): string {
  const text = readFileSync(join(root, readme), 'utf8')
  return (
    /<!-- given\n([\s\S]*?)-->\n```ts/.exec(text.slice(0, text.indexOf('```ts') + '```ts'.length))?.[1] ?? ''
  )
}

/** Lines of an example that say something: no imports, no comments, no closing brackets alone. */
export function ownLines(code: string): number {
  const withoutImports = code.replaceAll(/^import [\s\S]*?from '.*'\n/gm, '')
  return withoutImports.split('\n').filter((line) => !/^\s*(\/\/.*|[\])}>,;]*)$/.test(line)).length
}

/** The same for a CommonJS module: `import` becomes `require`, and what awaits gets a function around it. */
export function asCommonJs(code: string): string {
  const required: string[] = []
  const body = code.replaceAll(/^import ([\s\S]*?) from '(.*)'\n/gm, (_all, names: string, from: string) => {
    required.push(`const ${names} = require('${from}')`)
    return ''
  })
  return `${required.join('\n')}\nmodule.exports = (async () => {\n${body}})()\n`
}

/** The same for a TypeScript module that is compiled to CommonJS: it cannot await at its top. */
export function withoutTopLevelAwait(code: string): string {
  const imports = code.match(/^import [\s\S]*? from '.*'\n/gm) ?? []
  const body = imports.reduce((rest, each) => rest.replace(each, ''), code)
  return `${imports.join('')}\nexport const done = (async () => {\n${body}})()\n`
}
