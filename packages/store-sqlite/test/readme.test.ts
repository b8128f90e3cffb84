import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { freshPath } from './database-folder.js'

it('the example of the README runs', () => {
  const program = fileURLToPath(new URL('./readme-example.ts', import.meta.url))
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(`\`\`\`ts\n${readFileSync(program, 'utf8')}\`\`\``)

  const path = freshPath()
  // Run in an empty folder; from there `tsx` has to be named by where it is.
  const fromSource = ['--conditions=@evergrant/source', `--import=${import.meta.resolve('tsx')}`]
  const options = { cwd: dirname(path), encoding: 'utf8' } as const
  const printed = execFileSync(process.execPath, [...fromSource, program], options)
  expect(printed).toMatch(/^\[AccessToken gen 1, expires .*\]\n$/)
  expect(existsSync(path)).toBe(true)
})
