/** Examples that do all they do when they are run: core with SQLite, and Axios. Argument: the example's file. */
import assert from 'node:assert/strict'
import { runExample } from './load.mjs'
import { startWorld } from './world.mjs'

const world = await startWorld()
globalThis.replyOfTheCodeExchange = world.provider.issueGrant()
// Too early: the API refuses the token that the example begins with.
world.provider.expireAccessTokens()
await runExample(process.argv[2], process.argv[3])
world.assertReplayed()
assert.ok(world.answers.length >= 2)
process.exit(0)
