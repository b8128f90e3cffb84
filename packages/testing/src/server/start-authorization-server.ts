import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jsonAnswer, sendAnswer } from './answer.js'
import { apiEndpoint } from './api-endpoint.js'
import type { AuthorizationServer } from './authorization-server.js'
import { authorizeEndpoint } from './authorize-endpoint.js'
import { createClients } from './clients.js'
import { createCodes } from './codes.js'
import { controlCommands } from './control-commands.js'
import { serveControl } from './control-endpoint.js'
import { createFamilies } from './families.js'
import { createFaults } from './faults.js'
import { createGates } from './gates.js'
import { createLedger } from './ledger.js'
import { type AuthorizationServerOptions, mergeBehaviour, resolveOptions } from './options.js'
import { requestUrl } from './request-url.js'
import { revocationEndpoint } from './revocation-endpoint.js'
import { seededChance } from './seeded-chance.js'
import { serveRequest } from './serve-request.js'
import { serverControls } from './server-controls.js'
import type { ServerState } from './server-state.js'
import { createThrottle } from './throttle.js'
import { tokenEndpoint } from './token-endpoint.js'
import { createTokenMint } from './token-mint.js'

/**
 * Starts an emulated authorization server with an API on 127.0.0.1, in this process.
 *
 * Without options it behaves like Passolution (Laravel Passport): one-time refresh tokens, replies without
 * `token_type`, access and refresh token expiring together after a year, 300 token requests a minute.
 * For tests only: it approves every authorization and keeps its tokens in memory.
 *
 * @throws TypeError `INVALID_OPTION` for an option that cannot be, before anything is started.
 */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> {
  const resolved = resolveOptions(options)
  const { clients: registered, now, seed } = resolved
  let behaviour = resolved.behaviour
  let closing: Promise<void> | undefined

  const mint = createTokenMint(seed)
  const book = createLedger(now)
  const state: ServerState = {
    now,
    behaviour: () => behaviour,
    clients: createClients(registered),
    codes: createCodes(mint),
    families: createFamilies({
      mint,
      behaviour: () => behaviour,
      onFamilyRevoked: (family, cause) => book.familyRevoked({ family, cause, atMs: now() }),
    }),
    faults: createFaults(seededChance(seed)),
    gates: createGates(),
    book,
    throttles: { token: createThrottle(), api: createThrottle() },
    isClosed: () => closing !== undefined,
  }

  const steps = { token: tokenEndpoint(state), api: apiEndpoint(state), revoke: revocationEndpoint(state) }
  const authorize = authorizeEndpoint(state)

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = requestUrl(request)
    const at = `${request.method} ${pathname}`
    if (at === 'POST /oauth/token') return serveRequest(state, 'token', request, response, steps.token)
    if (at === 'GET /oauth/authorize') return authorize(request, response)
    if (at === 'POST /oauth/revoke' && behaviour.revocation) {
      return serveRequest(state, 'revoke', request, response, steps.revoke)
    }
    if (request.method === 'POST' && pathname === controlPath)
      return serveControl(commands, request, response)
    if (pathname.startsWith('/api/')) return serveRequest(state, 'api', request, response, steps.api)
    return sendAnswer(response, jsonAnswer(404, { message: 'Not Found' }))
  }

  const controlPath = resolved.control ? `/__control/${randomBytes(12).toString('hex')}` : null

  const http = createServer((request, response) => {
    response.on('error', () => {})
    route(request, response).catch((error: unknown) => {
      response.destroy()
      queueMicrotask(() => {
        throw error
      })
    })
  })
  // Longer than any test: an idle connection that we close would be a fault nobody asked for.
  http.keepAliveTimeout = 600_000
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    // A thousand callers may come at once: a full backlog would cost them a second each.
    http.listen({ port: resolved.port, host: '127.0.0.1', backlog: 4096 }, resolve)
  })

  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const first = registered[0]
  const server: AuthorizationServer = {
    issuer: origin,
    origin,
    authorizationEndpoint: `${origin}/oauth/authorize`,
    tokenEndpoint: `${origin}/oauth/token`,
    revocationEndpoint: `${origin}/oauth/revoke`,
    apiUrl: `${origin}/api/v2/infosystem/passolution`,
    controlUrl: controlPath && `${origin}${controlPath}`,
    clientId: first?.clientId ?? '',
    clientSecret: first?.clientSecret ?? '',
    seed,
    clients: registered,
    ledger: book.ledger,
    faults: state.faults.faults,
    gate: (gateOptions) => state.gates.create(gateOptions),
    ...serverControls(state, first?.clientId ?? ''),
    behaviour: () => behaviour,
    configure(changes) {
      behaviour = mergeBehaviour(behaviour, changes)
    },
    close() {
      closing ??= new Promise<void>((resolve) => {
        http.close(() => resolve())
        queueMicrotask(() => {
          state.gates.close()
          state.faults.faults.clear()
          http.closeAllConnections()
        })
      })
      return closing
    },
  }
  const commands = controlCommands({ server, ledgerData: (mark) => book.data(mark) })
  return server
}
