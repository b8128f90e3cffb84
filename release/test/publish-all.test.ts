import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '@evergrant/package-checks/published-packages'
import { runCommand } from '@evergrant/package-checks/run-command'
import { afterEach, beforeEach, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { npmArgsFor } from '../src/dry-run/npm-args.js'
import { startRegistry, type ThrowAwayRegistry } from '../src/dry-run/throw-away-registry.js'
import { publishAll } from '../src/publish-all.js'

let folder: string
let registry: ThrowAwayRegistry
let npmArgs: readonly string[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-publish-test-'))
  registry = await startRegistry(folder)
  npmArgs = npmArgsFor(new URL(registry.url), folder)
  const { packageManager } = packageJson
  writeJson('package.json', { name: 'two', private: true, packageManager })
  writeFileSync(join(folder, 'pnpm-workspace.yaml'), 'packages: [packages/*]\n')
  // Named so that the alphabet has them the wrong way round.
  writePackage('adapter', '1.0.0', { peerDependencies: { '@evergrant/zore': 'workspace:>=1.0.0 <2.0.0' } })
  writePackage('zore', '1.0.0', {})
})
afterEach(async () => {
  await registry.stop()
  rmSync(folder, { recursive: true, force: true })
})

function writeJson(file: string, content: unknown): void {
  writeFileSync(join(folder, file), JSON.stringify(content))
}

function writePackage(name: string, version: string, more: object): void {
  mkdirSync(join(folder, 'packages', name), { recursive: true })
  // What leads elsewhere must not be followed.
  const publishConfig = { access: 'public', provenance: true, registry: 'http://127.0.0.1:9' }
  writeJson(`packages/${name}/package.json`, { name: `@evergrant/${name}`, version, publishConfig, ...more })
}

const view = async (wanted: string, field: string): Promise<unknown> =>
  JSON.parse(await runCommand('npm', ['view', wanted, field, '--json', ...npmArgs], { cwd: root }))

it('publishes who is needed first, without workspace ranges, and nothing a second time', async () => {
  expect(await publishAll(folder, npmArgs)).toEqual(['@evergrant/zore@1.0.0', '@evergrant/adapter@1.0.0'])
  expect(await view('@evergrant/adapter', 'peerDependencies')).toEqual({
    '@evergrant/zore': '>=1.0.0 <2.0.0',
  })
  expect(await publishAll(folder, npmArgs)).toEqual([])
})

it('goes on where a run stopped: the rest, and what has a new version', async () => {
  const broken = { peerDependencies: { '@evergrant/zore': 'workspace:^' } }
  writePackage('adapter', '1.0.0', broken)
  await expect(publishAll(folder, npmArgs)).rejects.toThrow(/pnpm pack/)
  expect(await view('@evergrant/zore', 'version')).toBe('1.0.0')
  writePackage('adapter', '1.0.0', {})
  writePackage('zore', '1.0.1', {})
  expect(await publishAll(folder, npmArgs)).toEqual(['@evergrant/adapter@1.0.0', '@evergrant/zore@1.0.1'])
})

it('a registry that does not answer is an error, not a registry without the package', async () => {
  await registry.stop()
  await expect(publishAll(folder, npmArgs)).rejects.toThrow(/ECONNREFUSED/)
})

it('packages that need each other are refused before anything is published', async () => {
  writePackage('zore', '1.0.0', { dependencies: { '@evergrant/adapter': 'workspace:>=1.0.0 <2.0.0' } })
  await expect(publishAll(folder, npmArgs)).rejects.toThrow(/needs itself/)
  await expect(view('@evergrant/zore', 'version')).rejects.toThrow(/E404/)
})
