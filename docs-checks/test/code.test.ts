import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { codeBlocks } from '../src/code-blocks.js'
import { readPages, root } from '../src/pages.js'

const workspace = join(root, 'docs-checks')

it('every TypeScript block of READMEs and docs compiles', () => {
  const folder = join(workspace, '.blocks')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const places = new Map<string, string>()
  for (const page of readPages()) {
    for (const { name, line, code } of codeBlocks(page)) {
      places.set(`${name}.ts`, `${page.path}:${line}`)
      writeFileSync(join(folder, `${name}.ts`), code)
    }
  }
  // Blocks show what an application writes: it need not be as strict as we are with ourselves.
  const compilerOptions = {
    strict: true,
    // Some are run as plain JavaScript too.
    noImplicitAny: false,
    noEmit: true,
    target: 'es2023',
    module: 'nodenext',
    skipLibCheck: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
    customConditions: ['@evergrant/source'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const { stdout, status } = spawnSync(join(workspace, 'node_modules', '.bin', 'tsc'), ['-p', folder], {
    encoding: 'utf8',
    cwd: folder,
  })
  const told = stdout.replaceAll(/^[\w-]+\.ts/gm, (file) => `${places.get(file) ?? ''} (${file})`)
  expect({ told, status }).toEqual({ told: '', status: 0 })
  expect(places.size).toBeGreaterThan(20)
})
