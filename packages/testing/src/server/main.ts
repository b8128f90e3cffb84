/**
 * The server as a process of its own: `node dist/server/main.js '{"preset":"xero"}'`. Options are one JSON argument;
 * prints one line of JSON with its addresses (or `error`), ends with SIGTERM or SIGINT, or when the parent that opened an IPC channel is gone.
 */
import type { AuthorizationServerOptions } from './options.js'
import { startAuthorizationServer } from './start-authorization-server.js'

const options = JSON.parse(process.argv[2] ?? '{}') as AuthorizationServerOptions
const server = await startAuthorizationServer({ ...options, control: true }).catch((error: Error) => {
  process.stdout.write(`${JSON.stringify({ error: error.message })}\n`)
  process.exit(1)
})

const end = (): void => {
  void server.close().then(() => process.exit(0))
}
process.once('SIGTERM', end)
process.once('SIGINT', end)
process.once('disconnect', end)

const { issuer, tokenEndpoint, authorizationEndpoint, revocationEndpoint, apiUrl, controlUrl } = server
const addresses = { issuer, tokenEndpoint, authorizationEndpoint, revocationEndpoint, apiUrl, controlUrl }
process.stdout.write(`${JSON.stringify(addresses)}\n`)
