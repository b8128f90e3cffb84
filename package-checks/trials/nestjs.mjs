/** The example of the Nest module, in an application of its own. Argument: the compiled module. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { connect, startWorld, visit } from './world.mjs'

const world = await startWorld()
const example = process.argv[2]
const require = createRequire(example)
const isCommonJs = process.argv[3] === 'commonjs'
const { AppModule } = isCommonJs ? require(example) : await import(pathToFileURL(example).href)
const { NestFactory } = isCommonJs ? require('@nestjs/core') : await import('@nestjs/core')

const app = await NestFactory.create(AppModule, { logger: ['error', 'fatal'] })
app.use((request, _response, next) => {
  request.session = { accountId: 'agency-42' }
  next()
})
await app.listen(0, '127.0.0.1')
const site = await app.getUrl()
assert.equal((await visit(`${site}/countries`)).status, 401)
await connect(site, '/countries')
world.provider.expireAccessTokens()
assert.equal((await visit(`${site}/countries`)).status, 200)
world.assertReplayed()
await app.close()
process.exit(0)
