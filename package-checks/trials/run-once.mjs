/** Examples that do all they do when they are run: core with SQLite, and Axios. Argument: the example's file. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { startWorld } from './world.mjs'

const world = await startWorld()
globalThis.replyOfTheCodeExchange = world.provider.issueGrant()
// Too early: the API refuses the token that the example begins with.
world.provider.expireAccessTokens()
const example = process.argv[2]
if (example.endsWith('.cjs')) await createRequire(import.meta.url)(example)
else await import(pathToFileURL(example).href)
world.assertReplayed()
assert.ok(world.answers.length >= 2)
process.exit(0)
