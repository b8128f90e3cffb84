import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkDeclarations } from '../src/declarations.js'
import { checkManifest } from '../src/manifest.js'
import { type PublishedPackage, publishedPackages } from '../src/published-packages.js'
import { runCommand } from '../src/run-command.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-package-checks-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
}

describe('declarations and maps', () => {
  const manifest = { name: 'a', version: '1.0.0', exports: { '.': { types: './dist/index.d.ts' } } }
  const check = (): void => checkDeclarations({ name: 'a', folder, manifest })

  it('names what is exported without a comment, through an index, and nothing else', () => {
    write('dist/index.d.ts', `export { type B, a } from './a.js';\nexport type * from './b.js';\n`)
    write(
      'dist/a.d.ts',
      'export declare function a(): void;\nexport declare const inner: 1;\nexport type B = 1;\n',
    )
    write('dist/b.d.ts', '/** It is. */\nexport declare class C {\n}\nexport declare class D {\n}\n')
    expect(check).toThrow(/^a has no comment\nB has no comment\nD has no comment$/)
  })

  it('takes the comment of the first overload for all', () => {
    const overloads = 'export declare function a(): 1;\nexport declare function a(b: 1): 2;\n'
    write('dist/index.d.ts', `/** A. */\n${overloads}`)
    expect(check).not.toThrow()
    write('dist/index.d.ts', overloads)
    expect(check).toThrow(/^a has no comment$/)
  })

  it('names a map that leads to no source', () => {
    write('dist/index.d.ts', '')
    write('dist/index.js.map', JSON.stringify({ sources: ['../src/index.ts'] }))
    expect(check).toThrow('dist/index.js.map leads to ../src/index.ts')
  })
})

describe('the packed manifest', () => {
  const [real] = publishedPackages() as readonly [PublishedPackage]

  async function check(change: object): Promise<void> {
    write('package/package.json', JSON.stringify({ ...real.manifest, ...published, ...change }))
    await runCommand('tar', ['-czf', 'a.tgz', 'package'], { cwd: folder })
    await checkManifest(real, join(folder, 'a.tgz'))
  }
  /** As pnpm leaves it. */
  const published = {
    exports: {},
    devDependencies: {},
    files: ['src'],
    publishConfig: { access: 'public', provenance: true },
  }
  const peer = '@evergrant/core'

  it('passes as it should be', async () => {
    await expect(check({ peerDependencies: { [peer]: '>=0.4.2 <1.0.0' } })).resolves.toBeUndefined()
  })

  it.for([
    ['a peer range that is open above', { peerDependencies: { [peer]: '>=0.4.2' } }],
    ['a range of the workspace', { peerDependencies: { [peer]: 'workspace:^' } }],
    ['side effects', { sideEffects: undefined, peerDependencies: {} }],
    ['another folder', { repository: { directory: 'packages/other' }, peerDependencies: {} }],
    ['no provenance', { publishConfig: { access: 'public' }, peerDependencies: {} }],
    ['another Node', { engines: { node: '>=18' }, peerDependencies: {} }],
    ['a file that is not there', { files: ['src', 'lib'], peerDependencies: {} }],
  ] as const)('refuses %s', async ([, change]) => {
    await expect(check(change)).rejects.toThrow(real.name)
  })
})
