/** The example of the Express adapter: connects, calls through the middleware and through the proxy. */
import assert from 'node:assert/strict'
import { runExample } from './load.mjs'
import { connect, freePort, startWorld, visit } from './world.mjs'

const world = await startWorld()
process.env.PORT = String(await freePort())
process.env.SITE = `http://127.0.0.1:${process.env.PORT}`
const site = process.env.SITE
globalThis.userOf = () => ({ accountId: 'agency-42' })
await runExample(process.argv[2], process.argv[3])

assert.equal((await visit(`${site}/report`)).status, 401)
await connect(site, '/settings')
world.provider.expireAccessTokens()
assert.equal((await visit(`${site}/report`)).status, 200)
world.assertReplayed()
const proxied = await visit(`${site}/api/travel/infosystem/passolution`)
assert.equal(proxied.status, 200)
assert.equal((await visit(`${site}/connect/disconnect`, { accept: 'text/html' }, 'POST')).status, 303)
assert.equal((await visit(`${site}/report`)).status, 401)
process.exit(0)
