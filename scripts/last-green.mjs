import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Remembers the tree on which all tests passed last, so that a second run with nothing changed need not repeat
 * minutes of real servers. Only for a developer's own runs: CI never asks.
 */
export function lastGreen(root) {
  const file = join(root, 'node_modules', '.evergrant-last-green.json')
  /** Where the reporter leaves its line. */
  const counts = join(root, 'node_modules', '.evergrant-counts')

  /** Every file that git knows or would add, and the runtime. `undefined` outside a git checkout. */
  function treeOf() {
    const listed = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    if (listed.status !== 0) return undefined
    const hash = createHash('sha256').update(`${process.version} ${process.platform} ${process.arch}`)
    for (const name of listed.stdout.split('\0').sort()) {
      const path = join(root, name)
      if (name !== '' && existsSync(path)) hash.update(`\0${name}\0`).update(readFileSync(path))
    }
    return hash.digest('hex')
  }

  const tree = treeOf()
  return {
    counts,
    /** What the tests said of this very tree; `undefined`: they have not passed on it. */
    said() {
      if (tree === undefined || !existsSync(file)) return undefined
      const last = JSON.parse(readFileSync(file, 'utf8'))
      return last.tree === tree ? last : undefined
    },
    /** All tests passed. A tree that was changed while they ran is not the one that they ran on. */
    remember() {
      if (tree === undefined || treeOf() !== tree || !existsSync(counts)) return
      const at = new Date().toISOString()
      writeFileSync(file, JSON.stringify({ tree, at, counts: readFileSync(counts, 'utf8').trim() }))
      rmSync(counts)
    },
  }
}
