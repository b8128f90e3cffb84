import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type PublishedPackage, root } from './published-packages.js'
import { runCommand } from './run-command.js'

interface Packed {
  readonly type?: string
  readonly description?: string
  readonly license?: string
  readonly sideEffects?: boolean
  readonly files: readonly string[]
  readonly engines?: { readonly node?: string }
  readonly repository?: { readonly directory?: string }
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean }
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** What the manifest in a tarball must say, whatever the package. */
export async function checkManifest({ name, folder }: PublishedPackage, tarball: string): Promise<void> {
  const text = await runCommand('tar', ['-xzOf', tarball, 'package/package.json'], { cwd: folder })
  const packed = JSON.parse(text) as Packed
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Packed
  const problems: string[] = []
  const expect = (holds: boolean, problem: string): void => void (holds || problems.push(problem))

  const directory = packed.repository?.directory ?? ''
  expect(join(root, directory) === folder, `repository.directory is ${directory}`)
  expect(packed.type === 'module', 'type is not module')
  expect(packed.sideEffects === false, 'sideEffects is not false')
  expect(packed.engines?.node === engines?.node, `engines.node is ${packed.engines?.node}`)
  expect(packed.publishConfig?.access === 'public', 'publishConfig.access is not public')
  expect(packed.publishConfig?.provenance === true, 'publishConfig.provenance is not true')
  expect(packed.license === 'MIT' && Boolean(packed.description), 'licence or description')
  for (const file of packed.files) expect(existsSync(join(folder, file)), `files: there is no ${file}`)
  for (const protocol of ['workspace:', 'catalog:', '@evergrant/source'])
    expect(!text.includes(protocol), `${protocol} was published`)
  for (const [peer, range] of Object.entries(packed.peerDependencies ?? {}))
    expect(/<\s*\d|\^/.test(range), `the range of ${peer} is open above: ${range}`)
  if (problems.length > 0) throw new Error(`${name}: ${problems.join('; ')}`)
}
