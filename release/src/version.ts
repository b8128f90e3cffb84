/** `npm run release:version`: from changesets to versions. The lockfile has the ranges too. */
import { root } from '@evergrant/package-checks/published-packages'
import { runCommand } from '@evergrant/package-checks/run-command'
import { makeVersions } from './make-versions.js'

await makeVersions(root)
await runCommand('pnpm', ['install', '--lockfile-only'], { cwd: root })
