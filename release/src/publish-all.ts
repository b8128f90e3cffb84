import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack } from '@evergrant/package-checks/pack'
import { type PublishedPackage, publishedPackages } from '@evergrant/package-checks/published-packages'
import { runCommand } from '@evergrant/package-checks/run-command'
import { inOrder } from './in-order.js'

/**
 * Packs and publishes every package of `tree` whose version the registry does not have, in order, and stops at the first
 * that fails: what was published stays, and the next run goes on from there. Resolves with what was published.
 *
 * `npmArgs` go to every call of npm; without them it is npm's own configuration that says where to.
 */
export async function publishAll(tree: string, npmArgs: readonly string[] = []): Promise<readonly string[]> {
  const tarballs = mkdtempSync(join(tmpdir(), 'evergrant-publish-'))
  try {
    const done: string[] = []
    for (const each of inOrder(publishedPackages(tree))) {
      if (await isPublished(each, npmArgs)) continue
      const tarball = await pack(each, tarballs)
      await runCommand('npm', ['publish', tarball, ...npmArgs], { cwd: tree })
      done.push(`${each.name}@${each.manifest.version}`)
    }
    return done
  } finally {
    rmSync(tarballs, { recursive: true, force: true })
  }
}

/** "Not there" is an answer; a registry that does not answer is an error. */
async function isPublished(
  { name, manifest, folder }: PublishedPackage,
  npmArgs: readonly string[],
): Promise<boolean> {
  const wanted = `${name}@${manifest.version}`
  try {
    const printed = await runCommand('npm', ['view', wanted, 'version', '--json', ...npmArgs], {
      cwd: folder,
    })
    return printed.includes(manifest.version)
  } catch (error) {
    if (error instanceof Error && /\bE404\b/.test(error.message)) return false
    throw error
  }
}
