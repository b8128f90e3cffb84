/**
 * `npm run release:publish`: what the release workflow does when all changesets are versions. Publishes what is not
 * published yet, then tags it; the workflow makes a release of each tag that is printed.
 */
import { root } from '@evergrant/package-checks/published-packages'
import { changesets } from './changesets.js'
import { publishAll } from './publish-all.js'

for (const each of await publishAll(root)) process.stdout.write(`Published ${each}\n`)
process.stdout.write(await changesets(root, 'tag'))
