export type {
  EvergrantConnectExtras,
  EvergrantConnectOptions,
  EvergrantConnectOptionsFactory,
} from './connect/connect.options.js'
export { EvergrantConnectModule } from './connect/evergrant-connect.module.js'
export { CurrentGrant, GrantId } from './current-grant.decorator.js'
export {
  type EvergrantHealth,
  type EvergrantHealthDetails,
  EvergrantHealthIndicator,
} from './evergrant.health.js'
export { EvergrantModule } from './evergrant.module.js'
export type {
  ConnectUrl,
  ConnectUrlInput,
  EvergrantModuleExtras,
  EvergrantModuleOptions,
  EvergrantOptionsFactory,
  GrantIdInput,
  GrantIdResolver,
  OwnTokenManagerOptions,
  ReadyTokenManager,
} from './evergrant.options.js'
export { getTokenManagerOptionsToken, getTokenManagerToken } from './evergrant.tokens.js'
export { EvergrantExceptionFilter } from './evergrant-exception.filter.js'
export { GrantGuard } from './grant.guard.js'
export { type GrantClientOptions, provideGrantClient } from './grant-client.provider.js'
export { InjectTokenManager } from './inject-token-manager.decorator.js'
export type { RequestGrant } from './request-grant.js'
export { SkipGrantGuard } from './skip-grant-guard.decorator.js'
