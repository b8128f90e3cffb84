import type { AuthorizationServer, AuthorizationServerFacts } from './authorization-server.js'
import type { Fault } from './fault.js'
import type { FaultHandle } from './faults.js'
import type { Gate, GateOptions } from './gates.js'
import type { LedgerMark } from './ledger.js'
import type { LedgerData } from './ledger-queries.js'

/** Parts of a server that controls reach beyond its handle. */
export interface ControlledServer {
  readonly server: AuthorizationServer
  readonly ledgerData: (mark?: LedgerMark) => LedgerData
}

/** The control path's commands. Faults and gates are named by numbers; arguments and results are plain JSON. */
export interface ControlCommands
  extends Pick<
    AuthorizationServer,
    | 'issueGrant'
    | 'issueCode'
    | 'familyOf'
    | 'expireAccessTokens'
    | 'revokeAccessToken'
    | 'revokeFamily'
    | 'isAlive'
    | 'setClientSecret'
    | 'configure'
  > {
  facts(): AuthorizationServerFacts
  addFault(fault: Fault): number
  faultHits(id: number): number
  removeFault(id: number): void
  clearFaults(): void
  releaseFaults(): void
  addGate(options?: GateOptions): number
  gateArrived(id: number, count?: number): Promise<void>
  passGate(id: number, count: number): void
  openGate(id: number): void
  gateWaiting(id: number): number
  ledgerData(mark?: LedgerMark): LedgerData
  markLedger(): LedgerMark
  clearLedger(): void
}

/** Makes the commands of one server. */
export function controlCommands({ server, ledgerData }: ControlledServer): ControlCommands {
  let serial = 0
  const faults = new Map<number, FaultHandle>()
  const gates = new Map<number, Gate>()

  function remember<T>(among: Map<number, T>, thing: T): number {
    serial += 1
    among.set(serial, thing)
    return serial
  }
  function found<T>(among: Map<number, T>, id: number): T {
    const thing = among.get(id)
    if (thing === undefined) throw new TypeError(`there is no fault or gate ${id}`)
    return thing
  }

  return {
    facts() {
      const { issuer, origin, authorizationEndpoint, tokenEndpoint, revocationEndpoint } = server
      const { apiUrl, controlUrl, clientId, clientSecret, seed } = server
      const endpoints = { issuer, origin, authorizationEndpoint, tokenEndpoint, revocationEndpoint }
      return { ...endpoints, apiUrl, controlUrl, clientId, clientSecret, seed }
    },
    issueGrant: (options) => server.issueGrant(options),
    issueCode: (options) => server.issueCode(options),
    familyOf: (token) => server.familyOf(token),
    expireAccessTokens: (family) => server.expireAccessTokens(family),
    revokeAccessToken: (token) => server.revokeAccessToken(token),
    revokeFamily: (familyOrToken) => server.revokeFamily(familyOrToken),
    isAlive: (refreshToken) => server.isAlive(refreshToken),
    setClientSecret: (clientSecret, clientId) => server.setClientSecret(clientSecret, clientId),
    configure: (changes) => server.configure(changes),
    addFault: (fault: Fault) => remember(faults, server.faults.add(fault)),
    faultHits: (id: number) => found(faults, id).hits(),
    removeFault: (id: number) => found(faults, id).remove(),
    clearFaults: () => server.faults.clear(),
    releaseFaults: () => server.faults.release(),
    addGate: (options?: GateOptions) => remember(gates, server.gate(options)),
    gateArrived: (id: number, count?: number) => found(gates, id).arrived(count),
    passGate: (id: number, count: number) => found(gates, id).pass(count),
    openGate: (id: number) => found(gates, id).open(),
    gateWaiting: (id: number) => found(gates, id).waiting(),
    ledgerData: (mark?: LedgerMark) => ledgerData(mark),
    markLedger: () => server.ledger.mark(),
    clearLedger: () => server.ledger.clear(),
  }
}
