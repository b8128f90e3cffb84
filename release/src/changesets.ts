import { createRequire } from 'node:module'
import { runCommand } from '@evergrant/package-checks/run-command'

const program = createRequire(import.meta.url).resolve('@changesets/cli/bin.js')

/** The real Changesets, in `tree`. Resolves with what it printed. */
export const changesets = (tree: string, command: 'version' | 'tag'): Promise<string> =>
  runCommand(process.execPath, [program, command], { cwd: tree })
