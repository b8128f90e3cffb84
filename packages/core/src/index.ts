export { AccessToken, type AccessTokenFacts } from './access-token.js'
export { type Chance, systemChance } from './chance.js'
export {
  CONNECT_HEADERS,
  type ConnectAnswerOptions,
  type ConnectFailure,
  type ConnectRefusal,
  connectAnswer,
} from './connect/connect-answer.js'
export {
  type BeginConnectOptions,
  type BegunConnect,
  type CompleteConnectOptions,
  type ConnectFlow,
  type ConnectFlowOptions,
  type ConnectOutcome,
  createConnectFlow,
} from './connect/connect-flow.js'
export {
  EvergrantError,
  type EvergrantErrorCode,
  type EvergrantErrorDetails,
  isEvergrantError,
} from './errors.js'
export type { EventListener, EvergrantEvent } from './events.js'
export { isCrossSite, isCrossSiteNavigation, type SiteHeaders } from './http/cross-site.js'
export { type FetchWithTokensOptions, fetchWithTokens } from './http/fetch-with-tokens.js'
export { type HttpAnswer, type ProblemLink, problemAnswer, problemDetails } from './http/http-answer.js'
export { crossSiteProblem, type Problem, problemOf, problemWith } from './http/problem.js'
export { scrubError } from './http/scrub-error.js'
export { createTokenManager } from './manager/create-token-manager.js'
export type { KeepAliveOptions } from './manager/keep-alive.js'
export type { TokenManagerOptions } from './manager/options.js'
export type * from './manager/token-manager.js'
export { type OAuth2ProviderOptions, oauth2Provider } from './provider/oauth2-provider.js'
export { type PassolutionOptions, passolution } from './provider/passolution.js'
export type { BudgetFacts, ProviderFacts, RefusalShape } from './provider/provider.js'
export { planRenewals, type RenewalPlan, type RenewalPlanInput } from './rotation/plan-renewals.js'
export { defaultTimings, type Timings } from './rotation/timings.js'
export type { KeyMaterial } from './sealed/key-material.js'
export type { KeyFunction } from './sealed/key-service.js'
export { type Keyring, type KeyringOptions, keyring, type SealingKey } from './sealed/keyring.js'
export type { KeysInUse } from './sealed/keys-in-use.js'
export type { ResealOptions, ResealResult } from './sealed/reseal.js'
export { type SealedStore, type SealOptions, sealed } from './sealed/sealed-store.js'
export type { WalkOptions, WalkProgress } from './sealed/walk.js'
export {
  type BudgetBucket,
  type BudgetDemand,
  type BudgetSlot,
  emptyBucket,
  penalizeStep,
  takeBudgetStep,
} from './store/budget-steps.js'
export { ESCROW_PROVIDER } from './store/escrow.js'
export { type EscrowedStore, type EscrowOptions, escrowed } from './store/escrowed-store.js'
export {
  acquireStep,
  armStep,
  commitStep,
  failStep,
  type GrantLease,
  releaseStep,
  type StepResult,
  type StoredGrant,
  saveStep,
} from './store/grant-steps.js'
export { type MemoryStoreOptions, memoryStore } from './store/memory-store.js'
export type * from './store/token-store.js'
export { type Clock, systemClock } from './time/clock.js'
