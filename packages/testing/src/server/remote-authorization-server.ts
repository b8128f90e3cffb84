import type { AuthorizationServer, AuthorizationServerFacts } from './authorization-server.js'
import type { ControlCommands } from './control-commands.js'
import type { Fault } from './fault.js'
import type { GateOptions } from './gates.js'
import type { LedgerMark } from './ledger.js'
import { type LedgerQueries, queryLedger } from './ledger-queries.js'

type Later<F> = F extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never

/** A {@link Fault} in another process. */
export interface RemoteFault {
  hits(): Promise<number>
  remove(): Promise<void>
}

/** A gate in another process. */
export interface RemoteGate {
  arrived(count?: number): Promise<void>
  pass(count: number): Promise<void>
  open(): Promise<void>
  waiting(): Promise<number>
}

/** The same controls as {@link AuthorizationServer}, over HTTP: each returns a promise. */
export interface RemoteAuthorizationServer extends AuthorizationServerFacts {
  readonly issueGrant: Later<AuthorizationServer['issueGrant']>
  readonly issueCode: Later<AuthorizationServer['issueCode']>
  readonly familyOf: Later<AuthorizationServer['familyOf']>
  readonly expireAccessTokens: Later<AuthorizationServer['expireAccessTokens']>
  readonly revokeAccessToken: Later<AuthorizationServer['revokeAccessToken']>
  readonly revokeFamily: Later<AuthorizationServer['revokeFamily']>
  readonly isAlive: Later<AuthorizationServer['isAlive']>
  readonly setClientSecret: Later<AuthorizationServer['setClientSecret']>
  readonly configure: Later<AuthorizationServer['configure']>
  readonly faults: {
    add(fault: Fault): Promise<RemoteFault>
    clear(): Promise<void>
    release(): Promise<void>
  }
  gate(options?: GateOptions): Promise<RemoteGate>
  /** Fetches the ledger, or what came after the mark; the questions are then answered here. */
  ledger(mark?: LedgerMark): Promise<LedgerQueries>
  markLedger(): Promise<LedgerMark>
  clearLedger(): Promise<void>
}

/**
 * Connects to a server that was started with `control`, in this or another process.
 *
 * @param controlUrl - `controlUrl` of the server.
 * @throws Error when nothing answers there, or a command is refused.
 */
export async function connectAuthorizationServer(controlUrl: string): Promise<RemoteAuthorizationServer> {
  async function call<C extends keyof ControlCommands>(
    command: C,
    ...args: Parameters<ControlCommands[C]>
  ): Promise<Awaited<ReturnType<ControlCommands[C]>>> {
    const response = await fetch(controlUrl, { method: 'POST', body: JSON.stringify({ command, args }) })
    const reply = (await response.json()) as { value?: unknown; message?: string }
    if (!response.ok) throw new Error(`authorization server: ${reply.message ?? response.status}`)
    return reply.value as Awaited<ReturnType<ControlCommands[C]>>
  }

  const facts = await call('facts')
  return {
    ...facts,
    issueGrant: (options) => call('issueGrant', options),
    issueCode: (options) => call('issueCode', options),
    familyOf: (token) => call('familyOf', token),
    expireAccessTokens: (family) => call('expireAccessTokens', family),
    revokeAccessToken: (token) => call('revokeAccessToken', token),
    revokeFamily: (familyOrToken) => call('revokeFamily', familyOrToken),
    isAlive: (refreshToken) => call('isAlive', refreshToken),
    setClientSecret: (clientSecret, clientId) => call('setClientSecret', clientSecret, clientId),
    configure: (changes) => call('configure', changes),
    faults: {
      async add(fault) {
        const id = await call('addFault', fault)
        return { hits: () => call('faultHits', id), remove: () => call('removeFault', id) }
      },
      clear: () => call('clearFaults'),
      release: () => call('releaseFaults'),
    },
    async gate(options) {
      const id = await call('addGate', options)
      return {
        arrived: (count) => call('gateArrived', id, count),
        pass: (count) => call('passGate', id, count),
        open: () => call('openGate', id),
        waiting: () => call('gateWaiting', id),
      }
    },
    async ledger(mark) {
      const data = await call('ledgerData', mark)
      return queryLedger(() => data)
    },
    markLedger: () => call('markLedger'),
    clearLedger: () => call('clearLedger'),
  }
}
