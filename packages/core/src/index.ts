export { AccessToken, type AccessTokenFacts } from './access-token.js'
export {
  EvergrantError,
  type EvergrantErrorCode,
  type EvergrantErrorDetails,
  isEvergrantError,
} from './errors.js'
export type * from './manager/token-manager.js'
export {
  type BudgetBucket,
  type BudgetSlot,
  emptyBucket,
  penalizeStep,
  takeBudgetStep,
} from './store/budget-steps.js'
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
