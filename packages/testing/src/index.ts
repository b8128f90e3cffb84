export { type FakeClock, type FakeClockOptions, fakeClock, type TestableClock } from './fake-clock.js'
export type {
  AuthorizationServer,
  AuthorizationServerFacts,
  IssueCodeOptions,
  IssueGrantOptions,
} from './server/authorization-server.js'
export type {
  ExpiresInStyle,
  RefusalShape,
  ReplyFormat,
  ServerBehaviour,
  ThrottleBehaviour,
} from './server/behaviour.js'
export type {
  Fault,
  FaultEffect,
  FaultTarget,
  FaultWhen,
  RetryAfterFault,
  SlowBytesFault,
} from './server/fault.js'
export type { FaultHandle, Faults } from './server/faults.js'
export { fingerprint } from './server/fingerprint.js'
export type { Gate, GateOptions, GateWhen } from './server/gates.js'
export type { Ledger, LedgerMark } from './server/ledger.js'
export {
  type LedgerData,
  type LedgerDecision,
  type LedgerEntry,
  type LedgerFilter,
  type LedgerKind,
  type LedgerOutcome,
  type LedgerQueries,
  queryLedger,
  type RevokedFamily,
} from './server/ledger-queries.js'
export type { AuthorizationServerOptions, ServerClient } from './server/options.js'
export { type ServerPreset, serverPresets } from './server/presets.js'
export {
  connectAuthorizationServer,
  type RemoteAuthorizationServer,
  type RemoteFault,
  type RemoteGate,
} from './server/remote-authorization-server.js'
export {
  type SpawnAuthorizationServerOptions,
  type SpawnedAuthorizationServer,
  spawnAuthorizationServer,
} from './server/spawn-authorization-server.js'
export { startAuthorizationServer } from './server/start-authorization-server.js'
export type { IssuedTokenReply } from './server/token-reply.js'
export type { ContractCase, OpenedStore, StoreContractOptions } from './store-contract/contract-case.js'
export { storeContract } from './store-contract/store-contract.js'
