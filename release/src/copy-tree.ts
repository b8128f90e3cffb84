import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { runCommand } from '@evergrant/package-checks/run-command'

/** What making versions and packing read; `store-tests`, for stores have it among their devDependencies. */
const PARTS = ['.changeset', 'LICENSE', 'package.json', 'packages', 'pnpm-workspace.yaml', 'store-tests']
const LEFT_OUT = new Set(['.turbo', 'node_modules'])

/**
 * A copy of the packages to make versions in and to publish from, with what was built: a git repository of its own,
 * whose packages find each other as in the real one.
 */
export async function copyTree(from: string, to: string): Promise<void> {
  const filter = (path: string): boolean => !LEFT_OUT.has(basename(path))
  for (const part of PARTS) cpSync(join(from, part), join(to, part), { recursive: true, filter })
  for (const entry of readdirSync(join(from, 'packages'))) {
    // Links from package to package are relative: in the copy they lead to the copy. pnpm reads them when it packs.
    const links = join('packages', entry, 'node_modules/@evergrant')
    if (!existsSync(join(from, links))) continue
    mkdirSync(join(to, links), { recursive: true })
    cpSync(join(from, links), join(to, links), { recursive: true, verbatimSymlinks: true })
  }
  await commitAll(to)
}

/** Changesets reads who brought what from git. */
async function commitAll(cwd: string): Promise<void> {
  const author = ['-c', 'user.name=nobody', '-c', 'user.email=nobody@localhost', '-c', 'commit.gpgsign=false']
  await runCommand('git', ['init', '--quiet', '--initial-branch=main'], { cwd })
  await runCommand('git', ['add', '--all'], { cwd })
  await runCommand('git', [...author, 'commit', '--quiet', '--no-verify', '--message=copy'], { cwd })
}
